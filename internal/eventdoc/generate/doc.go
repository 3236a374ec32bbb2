// Command generate writes the files of package eventdoc. It is run by go
// generate in that package's folder and imports nothing else of Scratch.
package main
