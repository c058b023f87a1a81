"""The commands of `mien`, one file each: words in, words out."""
