//! `causeway explain`.

mod event;
#[cfg(test)]
mod fixture;
mod json;
mod mermaid;
mod text;
mod tree;
mod words;
