package archtest

import (
	"fmt"
	"path"
	"regexp"
	"slices"
	"strings"
)

const module = "github.com/scratch-platform/scratch"

// pkg is what a rule needs to know of a package.
type pkg struct {
	path    string // below the module's root; "" is the root
	name    string
	files   []string // without tests
	tests   []string
	imports []string // full import paths, without those of tests
	doc     string
}

// checkArrows reports every import of p within the module that no arrow allows.
func checkArrows(p pkg) (broken []string) {
	governing := slices.IndexFunc(arrows, func(a arrow) bool { return matches(a.from, p.path) })
	if governing < 0 {
		return []string{fmt.Sprintf("package %s has no arrow: say in internal/archtest/rules_test.go what it may import, and why", p.path)}
	}
	rule := arrows[governing]
	for _, imported := range p.imports {
		own, ok := strings.CutPrefix(imported, module+"/")
		if !ok {
			continue
		}
		if !matchesAny(rule.to, own) {
			broken = append(broken, fmt.Sprintf("%s must not import %s: %s (allowed: %s)", p.path, own, rule.why, allowed(rule.to)))
		}
		if matchesAny(testOnly, own) && !matchesAny(testOnly, p.path) {
			broken = append(broken, fmt.Sprintf("%s must not import %s: that package is for tests only", p.path, own))
		}
	}
	return broken
}

// checkLibraries reports every library that p must leave to others.
func checkLibraries(p pkg) (broken []string) {
	for _, imported := range p.imports {
		for _, rule := range libraries {
			if isBelowAny(rule.prefixes, imported) && !slices.Contains(harmless, imported) && !matchesAny(rule.in, p.path) {
				broken = append(broken, fmt.Sprintf("%s must not import %s: %s (only in %s)", p.path, imported, rule.why, strings.Join(rule.in, ", ")))
			}
		}
		for _, rule := range forbiddens {
			if matches(rule.from, p.path) && !matchesAny(rule.except, p.path) && isForbidden(rule, imported) {
				broken = append(broken, fmt.Sprintf("%s must not import %s: %s", p.path, imported, rule.why))
			}
		}
	}
	return broken
}

// harmless are pure packages below forbidden names.
var harmless = []string{"net/url", "net/netip", "net/mail", "net/textproto", "database/sql/driver"}

func isForbidden(rule forbidden, imported string) bool {
	return isBelowAny(rule.prefixes, imported) && !slices.Contains(harmless, imported)
}

var wordBreak = regexp.MustCompile(`[^a-z]+`)

// checkNames reports packages and files whose names say nothing.
func checkNames(p pkg) (broken []string) {
	const why = "the name says nothing; name it after what is inside"
	for _, name := range append(strings.Split(p.path, "/"), p.name) {
		if isVague(name) {
			broken = append(broken, fmt.Sprintf("package %s (%s): %s", p.path, p.name, why))
			break
		}
	}
	for _, file := range slices.Concat(p.files, p.tests) {
		if isVague(strings.TrimSuffix(file, ".go")) {
			broken = append(broken, fmt.Sprintf("file %s: %s", path.Join(p.path, file), why))
		}
	}
	return broken
}

func isVague(name string) bool {
	return slices.ContainsFunc(wordBreak.Split(strings.ToLower(name), -1), func(word string) bool {
		return slices.Contains(vague, word)
	})
}

// checkDoc reports a package that does not say what it is for and, unless it is
// a command, what it must not import.
func checkDoc(p pkg) (broken []string) {
	if p.name == "main" {
		if p.doc == "" {
			return []string{fmt.Sprintf("command %s has no comment that says what it does", p.path)}
		}
		return nil
	}
	if len(p.files) > 0 && !slices.Contains(p.files, "doc.go") {
		broken = append(broken, fmt.Sprintf("package %s has no doc.go", p.path))
	}
	if p.doc == "" {
		broken = append(broken, fmt.Sprintf("package %s has no comment that says what it is for", p.path))
	} else if !strings.Contains(p.doc, "import") {
		broken = append(broken, fmt.Sprintf("the doc.go of package %s does not say what it may or must not import", p.path))
	}
	return broken
}

func allowed(patterns []string) string {
	if len(patterns) == 0 {
		return "nothing"
	}
	return strings.Join(patterns, ", ")
}

func matchesAny(patterns []string, p string) bool {
	return slices.ContainsFunc(patterns, func(pattern string) bool { return matches(pattern, p) })
}

func matches(pattern, p string) bool {
	if pattern == "..." {
		return true
	}
	below, all := strings.CutSuffix(pattern, "/...")
	return p == below || all && strings.HasPrefix(p, below+"/")
}

func isBelowAny(prefixes []string, imported string) bool {
	return slices.ContainsFunc(prefixes, func(prefix string) bool {
		return imported == prefix || strings.HasPrefix(imported, prefix+"/")
	})
}
