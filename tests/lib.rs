//! Nothing of its own: the stories and contracts stand in `it`, the real binaries in `lambda`.
