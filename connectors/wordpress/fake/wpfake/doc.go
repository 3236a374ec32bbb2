// Command wpfake serves the fake WordPress site as a process of its own, for
// drills that kill the product and then read what the service saw.
package main
