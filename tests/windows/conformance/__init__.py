"""What Windows documents, one rule a case, each with its source; every module has a table `case` of its own."""
