package config

import (
	"cmp"
	"errors"
	"fmt"
	"os"
	"reflect"
	"slices"
	"strings"

	"github.com/caarlos0/env/v11"

	"github.com/scratch-platform/scratch/internal/vault"
	"github.com/scratch-platform/scratch/models"
)

// roleAlias is the older name of SCRATCH_ROLE.
const roleAlias = "SERVICE_TYPE"

// Load reads the settings from an environment in the form of os.Environ. When any
// of them cannot be used, the error is a *models.Problem that names all of them.
func Load(environ []string) (Settings, error) {
	var found findings
	values := env.ToMap(environ)
	for name, value := range values {
		if strings.TrimSpace(value) == "" {
			delete(values, name) // an empty line in a file means the default
		}
	}
	readAlias(values, &found)
	readFiles(values, &found)

	var s Settings
	if err := env.ParseWithOptions(&s, env.Options{Environment: values}); err != nil {
		found.addParse(err)
	}
	s.tidy()
	s.check(&found)
	if err := found.problem(); err != nil {
		return Settings{}, err
	}
	return s, nil
}

// Unknown names the variables that start like ours and are none: usually a typing
// mistake, worth a warning. Those of tests are left out.
func Unknown(environ []string) []string {
	known := map[string]bool{}
	for _, f := range fields() {
		known[f.name] = true
		known[f.name+"_FILE"] = f.secret
	}
	for _, f := range fieldsOf(reflect.TypeFor[Compose]()) {
		known[f.name] = true // exported for compose and seen by a command beside it
	}
	var unknown []string
	for name := range env.ToMap(environ) {
		if strings.HasPrefix(name, "SCRATCH_") && !strings.HasPrefix(name, "SCRATCH_TEST_") && !known[name] {
			unknown = append(unknown, name)
		}
	}
	slices.Sort(unknown)
	return unknown
}

func readAlias(values map[string]string, found *findings) {
	alias, ok := values[roleAlias]
	if !ok {
		return
	}
	if role, both := values["SCRATCH_ROLE"]; both && !strings.EqualFold(role, alias) {
		found.add("SCRATCH_ROLE", fmt.Sprintf("%s says %q and this says %q; set one of them", roleAlias, alias, role))
		return
	}
	values["SCRATCH_ROLE"] = alias
}

// maxSecretFile bounds what is read for one secret.
const maxSecretFile = 1 << 20

// readFiles takes secrets from files, as container platforms mount them.
func readFiles(values map[string]string, found *findings) {
	for _, f := range fields() {
		path, ok := values[f.name+"_FILE"]
		if !f.secret || !ok {
			continue
		}
		if _, both := values[f.name]; both {
			found.add(f.name, "it is set directly and by "+f.name+"_FILE; set one of them")
			continue
		}
		info, err := os.Stat(path)
		if err == nil && info.Size() > maxSecretFile {
			err = fmt.Errorf("%s is over 1 MB", path)
		}
		var content []byte
		if err == nil {
			content, err = os.ReadFile(path)
		}
		if err != nil {
			found.add(f.name+"_FILE", fmt.Sprintf("the file cannot be read: %v", err))
			continue
		}
		values[f.name] = strings.TrimSpace(string(content))
	}
}

// field is one setting as its struct tag describes it.
type field struct {
	name, def, doc string
	secret         bool
	goName         string
}

func fields() []field { return fieldsOf(reflect.TypeFor[Settings]()) }

func fieldsOf(t reflect.Type) []field {
	all := make([]field, 0, t.NumField())
	for f := range t.Fields() {
		all = append(all, field{
			name:   f.Tag.Get("env"),
			def:    f.Tag.Get("envDefault"),
			doc:    f.Tag.Get("doc"),
			secret: f.Type == reflect.TypeFor[vault.Secret](),
			goName: f.Name,
		})
	}
	return all
}

// findings collects what is wrong, so that it can be mended in one go.
type findings struct{ fields []models.FieldProblem }

func (f *findings) add(name, detail string) {
	f.fields = append(f.fields, models.FieldProblem{Field: name, Code: "config.invalid", Detail: models.Bound(detail, 300)})
}

// addParse takes over what the environment loader found; its errors name the Go
// field, which means nothing to an operator.
func (f *findings) addParse(err error) {
	var all env.AggregateError
	if !errors.As(err, &all) {
		f.add("environment", err.Error())
		return
	}
	for _, one := range all.Errors {
		var parse env.ParseError
		if !errors.As(one, &parse) {
			f.add("environment", one.Error())
			continue
		}
		for _, field := range fields() {
			if field.goName == parse.Name {
				f.add(field.name, parse.Err.Error())
			}
		}
	}
}

func (f *findings) problem() error {
	if len(f.fields) == 0 {
		return nil
	}
	slices.SortStableFunc(f.fields, func(a, b models.FieldProblem) int { return cmp.Compare(a.Field, b.Field) })
	lines := make([]string, len(f.fields))
	for i, field := range f.fields {
		lines[i] = field.Field + ": " + field.Detail
	}
	count := "One setting"
	if len(lines) > 1 {
		count = fmt.Sprintf("%d settings", len(lines))
	}
	return models.NewProblem(models.KindInvalid, "config.invalid",
		count+" cannot be used:\n  "+strings.Join(lines, "\n  "),
		"Correct the environment and start again; .env.example explains every setting.").WithFields(f.fields...)
}
