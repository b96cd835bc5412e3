"""The parts that several papers share. A paper's own part stands in the paper's recipe file."""
