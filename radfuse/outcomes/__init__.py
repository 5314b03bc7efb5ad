"""The outcomes wing: what is predicted; a file a kind says how it is read, split by, fitted to and measured."""
