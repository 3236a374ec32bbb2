package models

import (
	"encoding/json"
	"slices"
	"strings"

	"golang.org/x/net/html"
)

// verbatim names the elements whose white space is content.
var verbatim = map[string]bool{"pre": true, "textarea": true, "script": true, "style": true}

// inline names the elements that stand in a line of text: white space beside
// them is content. Beside every other element it is not.
var inline = map[string]bool{
	"a": true, "abbr": true, "b": true, "bdi": true, "bdo": true, "br": true, "button": true, "cite": true,
	"code": true, "data": true, "del": true, "dfn": true, "em": true, "i": true, "img": true, "input": true,
	"ins": true, "kbd": true, "label": true, "mark": true, "q": true, "s": true, "samp": true, "select": true,
	"small": true, "span": true, "strong": true, "sub": true, "sup": true, "time": true, "u": true, "var": true,
}

// htmlOf writes HTML so that two texts a browser shows alike become one:
// entities read, white space folded as a browser folds it, attributes in order.
// Comments stay: WordPress keeps its blocks in them.
func htmlOf(value json.RawMessage) (string, bool) {
	text, ok := Text(value)
	if !ok {
		return "", false
	}
	var f htmlFolder
	tokens := html.NewTokenizer(strings.NewReader(text))
	for {
		switch tokens.Next() {
		case html.ErrorToken: // the end: reading from memory gives no other
			return strings.TrimSpace(f.out.String()), true
		case html.TextToken:
			f.text(string(tokens.Text())) // entities are read by now
		default:
			f.tag(tokens.Token())
		}
	}
}

type htmlFolder struct {
	out      strings.Builder
	verbatim int  // depth of elements whose white space is content
	pending  bool // white space seen, not yet known to be content
	block    bool // the last thing written was a block's border
}

func (f *htmlFolder) text(raw string) {
	text := strings.ReplaceAll(raw, "\r\n", "\n")
	if f.verbatim > 0 {
		f.out.WriteString(html.EscapeString(text))
		return
	}
	for i, word := range strings.FieldsFunc(text, isHTMLSpace) {
		if (i > 0 || f.pending || isHTMLSpace(rune(text[0]))) && !f.block {
			f.out.WriteByte(' ')
		}
		f.pending, f.block = false, false
		f.out.WriteString(html.EscapeString(word))
	}
	f.pending = f.pending || text != "" && isHTMLSpace(rune(text[len(text)-1]))
}

func (f *htmlFolder) tag(t html.Token) {
	element := t.Type == html.StartTagToken || t.Type == html.EndTagToken || t.Type == html.SelfClosingTagToken
	if element && inline[t.Data] {
		if f.pending && !f.block {
			f.out.WriteByte(' ')
		}
		f.block = false
	} else {
		f.block = true
	}
	f.pending = false
	if element && verbatim[t.Data] {
		if t.Type == html.StartTagToken {
			f.verbatim++
		} else if f.verbatim > 0 {
			f.verbatim--
		}
	}
	if t.Type == html.SelfClosingTagToken {
		t.Type = html.StartTagToken // <br/> and <br> are one
	}
	if t.Type == html.CommentToken {
		t.Data = " " + strings.Join(strings.Fields(t.Data), " ") + " "
	}
	slices.SortStableFunc(t.Attr, func(a, b html.Attribute) int { return strings.Compare(a.Key, b.Key) })
	f.out.WriteString(t.String())
}

// isHTMLSpace is the white space HTML folds; a no-break space is content.
func isHTMLSpace(r rune) bool {
	return r == ' ' || r == '\t' || r == '\n' || r == '\r' || r == '\f'
}
