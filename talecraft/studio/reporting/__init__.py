"""A run on paper: what it told (`told`), its curves (`curves`) and their pictures (`drawing`), the
page (`page`, `passages`, `receipt`), and the use case that writes them (`writing`)."""
