"""Parts that several papers share. A part of one paper is in the recipe file of that paper."""
