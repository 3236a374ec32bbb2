// Package wordpress speaks to WordPress sites over their REST API with
// application passwords: posts, pages, custom types, categories, tags and
// custom taxonomies are read and written, users and media are read.
//
// Everything is asked for with context=edit, so that what is stored is the raw
// text of the block editor, byte for byte; rendered text is never written back.
// The facts about the service stand in the fact sheet of this project; the
// numbered cases of its checklist are the tests TestCase01… in this package.
//
// It imports models and connectors, and nothing else of Scratch.
package wordpress
