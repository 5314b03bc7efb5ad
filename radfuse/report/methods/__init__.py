"""The methods of a study as a manuscript tells them: a file a paragraph, each a function of what is known."""
