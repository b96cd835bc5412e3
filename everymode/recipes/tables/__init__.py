"""The names of the recipes, a table for each way of labelling: name -> (module, constant, one line). Free of torch."""
