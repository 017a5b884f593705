//! Use cases over the ports, and decorators of ports
