package devserver

// surviveByNature: here the kernel ends the server with its parent.
const surviveByNature = false
