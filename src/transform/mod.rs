//! What is done to a picture before a network sees it.
