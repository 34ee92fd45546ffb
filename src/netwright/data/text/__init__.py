"""Text: vocabularies, words of a text, files of tagged sentences, word vectors."""
