//! How much of a kilobyte an item takes.
