"""`pagesim trace profile`: what it does, the tables it prints, and the directory it leaves."""
