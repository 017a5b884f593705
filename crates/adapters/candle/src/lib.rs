//! Embeddings in process: a BERT-like sentence model in a folder, as Hugging Face lays it out, run by candle on the CPU. No
//! text leaves the machine.
