//! Tests of feature files.
