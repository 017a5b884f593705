//! A server that speaks the wire protocol of OpenRouter, with faults on demand
