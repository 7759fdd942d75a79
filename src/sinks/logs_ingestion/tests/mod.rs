mod encode;
mod fields;
