//! Stories from end to end. What they are made of is in the library of this package.

mod cookie;
mod sign_in;
