//! Whole captures, checked from outside.
