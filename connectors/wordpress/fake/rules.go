package fake

import (
	"regexp"
	"strings"
	"unicode"

	"golang.org/x/text/unicode/norm"
)

// Lengths of WordPress's own database columns, in bytes for TEXT and in
// characters for VARCHAR. A value that does not fit fails the whole write with
// db_insert_error or db_update_error.
const (
	maxTextBytes = 65535
	maxSlugRunes = 200
	maxNameRunes = 200
)

// sanitizeSlug is sanitize_title_with_dashes for what this site holds.
func sanitizeSlug(s string) string {
	var b strings.Builder
	dash := false
	for _, r := range norm.NFKD.String(strings.ToLower(s)) {
		switch {
		case r < 128 && (unicode.IsLetter(r) || unicode.IsDigit(r)) || r == '_':
			if dash && b.Len() > 0 {
				b.WriteByte('-')
			}
			dash = false
			b.WriteRune(r)
		case r == ' ' || r == '-' || r == '.' || r == '/' || r == '–' || r == '—':
			dash = true
		case r > 127 && unicode.IsLetter(r):
			if dash && b.Len() > 0 {
				b.WriteByte('-')
			}
			dash = false
			b.WriteRune(r)
		}
	}
	out := []rune(b.String())
	if len(out) > maxSlugRunes {
		out = out[:maxSlugRunes]
	}
	return string(out)
}

var (
	ksesTags  = regexp.MustCompile(`(?is)</?(script|iframe|style|object|embed|form|input|textarea|select|button|svg)\b[^>]*>`)
	ksesAttrs = regexp.MustCompile(`(?i)\s+on[a-z]+\s*=\s*("[^"]*"|'[^']*'|[^\s>]+)`)
	blockMark = regexp.MustCompile(`<!--\s*/?wp:[^>]*-->\n?`)
	tagMark   = regexp.MustCompile(`<[^>]*>`)
)

// kses takes out what users without unfiltered_html may not store. As in core
// the text inside a removed tag stays.
func kses(s string) string {
	if !strings.ContainsAny(s, "<\x00") {
		return s
	}
	s = strings.ReplaceAll(s, "\x00", "")
	return ksesAttrs.ReplaceAllString(ksesTags.ReplaceAllString(s, ""), "")
}

var texturize = strings.NewReplacer(
	"'", "&#8217;", " - ", " &#8211; ", "...", "&#8230;", "& ", "&#038; ",
)

// renderTitle is the_title: curly quotes and encoded ampersands.
func renderTitle(raw string) string { return texturize.Replace(raw) }

// renderContent is the_content: block comments gone, texturized.
func renderContent(raw string) string {
	if raw == "" {
		return ""
	}
	out := texturize.Replace(blockMark.ReplaceAllString(raw, ""))
	if !strings.Contains(out, "<p") && !strings.Contains(out, "<h") {
		out = "<p>" + strings.ReplaceAll(strings.TrimSpace(out), "\n\n", "</p>\n<p>") + "</p>\n"
	}
	return out
}

// renderExcerpt is the_excerpt: the excerpt, or the first words of the content.
func renderExcerpt(excerpt, content string) string {
	if excerpt == "" {
		words := strings.Fields(tagMark.ReplaceAllString(blockMark.ReplaceAllString(content, ""), " "))
		if len(words) == 0 {
			return ""
		}
		if len(words) > 55 {
			words = append(words[:55:55], "[&hellip;]")
		}
		excerpt = strings.Join(words, " ")
	}
	return "<p>" + texturize.Replace(excerpt) + "</p>\n"
}
