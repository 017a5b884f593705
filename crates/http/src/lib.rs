//! The HTTP face of Palavra: routes, shapes, problems, server-sent events
