//! What only the table shows.
