//! What the programs for machines without an operating system share.

#![no_std]
