package accounts

import (
	"fmt"
	"slices"
	"strings"

	"github.com/scratch-platform/scratch/models"
)

// Scope is one thing a key may be used for.
type Scope string

// The scopes. Each stands alone: a token that may publish but not read is odd,
// yet says what it says.
const (
	ScopeRead    Scope = "read"    // see snapshots, records, jobs
	ScopeEdit    Scope = "edit"    // edit records, decide suggestions, download, upload
	ScopePublish Scope = "publish" // apply publish plans
	ScopeConnect Scope = "connect" // make, change and remove connections
	ScopeAdmin   Scope = "admin"   // tokens, users, the audit log
	ScopeOperate Scope = "operate" // see decrypted workflow payloads of every organization, and metrics
)

// AllScopes are all of them, as the local user has.
func AllScopes() Scopes {
	return Scopes{ScopeRead, ScopeEdit, ScopePublish, ScopeConnect, ScopeAdmin, ScopeOperate}
}

// Scopes is what a key may be used for. Empty allows nothing.
type Scopes []Scope

// ParseScopes reads scopes from outside; all unknown ones are named at once.
func ParseScopes(names []string) (Scopes, error) {
	var scopes Scopes
	var unknown []string
	for _, name := range names {
		scope := Scope(strings.ToLower(strings.TrimSpace(name)))
		switch {
		case !slices.Contains(AllScopes(), scope):
			unknown = append(unknown, fmt.Sprintf("%q", models.Bound(name, 40)))
		case !slices.Contains(scopes, scope):
			scopes = append(scopes, scope)
		}
	}
	if len(unknown) > 0 || len(scopes) == 0 {
		detail := "no scope was given"
		if len(unknown) > 0 {
			detail = "unknown scopes: " + strings.Join(unknown, ", ")
		}
		return nil, models.NewProblem(models.KindInvalid, "account.invalid_scope", detail,
			"Use one or more of: "+AllScopes().String()+".")
	}
	return scopes, nil
}

// StoredScopes reads scopes as String wrote them. What this version does not
// know allows nothing.
func StoredScopes(text string) Scopes {
	var scopes Scopes
	for name := range strings.SplitSeq(text, ", ") {
		if scope := Scope(name); slices.Contains(AllScopes(), scope) {
			scopes = append(scopes, scope)
		}
	}
	return scopes
}

// Without gives the scopes but for one.
func (s Scopes) Without(scope Scope) Scopes {
	return slices.DeleteFunc(slices.Clone(s), func(one Scope) bool { return one == scope })
}

// Check says that a scope is missing.
func (s Scopes) Check(scope Scope) error {
	if s.Allows(scope) {
		return nil
	}
	return models.NewProblem(models.KindForbidden, "auth.scope_missing",
		fmt.Sprintf("this needs the scope %q; the key has: %s", scope, s),
		fmt.Sprintf("Use an API token with the scope %q.", scope))
}

// Allows reports whether the scope is among them.
func (s Scopes) Allows(scope Scope) bool { return slices.Contains(s, scope) }

// Within reports whether other allows all of these: a key never makes one that
// may do more than itself.
func (s Scopes) Within(other Scopes) bool {
	for _, scope := range s {
		if !other.Allows(scope) {
			return false
		}
	}
	return true
}

// String lists them, for the database and for people.
func (s Scopes) String() string {
	names := make([]string, len(s))
	for i, scope := range s {
		names[i] = string(scope)
	}
	return strings.Join(names, ", ")
}
