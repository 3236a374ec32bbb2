package connectors

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"strings"

	"github.com/santhosh-tekuri/jsonschema/v6"

	"github.com/scratch-platform/scratch/models"
)

// MaxCredential bounds a credential's JSON in bytes.
const MaxCredential = 64 << 10

// mask stands for a secret in a hint; the last four characters are kept of
// secrets long enough that they give nothing away.
const mask = "••••"

// CheckCredential holds a credential from outside against the service's form
// and gives what may be shown of it: the same object with every writeOnly
// property masked. A credential that does not fit fails with
// "connection.credential_invalid", naming each field.
func CheckCredential(d Definition, credential json.RawMessage) (hint json.RawMessage, err error) {
	if len(credential) > MaxCredential {
		return nil, models.NewProblem(models.KindTooLarge, "connection.credential_too_large",
			fmt.Sprintf("The credential has %d bytes; %d are taken.", len(credential), MaxCredential), "Send the form's fields only.")
	}
	if len(bytes.TrimSpace(credential)) == 0 {
		credential = json.RawMessage("{}")
	}
	schema, err := compile(d)
	if err != nil {
		return nil, err
	}
	value, err := jsonschema.UnmarshalJSON(bytes.NewReader(credential))
	if err != nil {
		return nil, models.NewProblem(models.KindInvalid, "connection.credential_invalid",
			"The credential is not JSON.", "Send an object with the fields of the service's form.").Because(err)
	}
	if err := schema.Validate(value); err != nil {
		return nil, misfit(d, err)
	}
	return maskSecrets(d, value)
}

func compile(d Definition) (*jsonschema.Schema, error) {
	document, err := jsonschema.UnmarshalJSON(bytes.NewReader(d.Credential))
	if err != nil {
		return nil, fmt.Errorf("parse credential schema of %s: %w", d.Service, err)
	}
	compiler := jsonschema.NewCompiler()
	compiler.AssertFormat()
	if err := compiler.AddResource("credential.json", document); err != nil {
		return nil, fmt.Errorf("load credential schema of %s: %w", d.Service, err)
	}
	schema, err := compiler.Compile("credential.json")
	if err != nil {
		return nil, fmt.Errorf("compile credential schema of %s: %w", d.Service, err)
	}
	return schema, nil
}

// misfit names the fields that do not fit and never their values, which may be
// secret.
func misfit(d Definition, err error) error {
	p := models.NewProblem(models.KindInvalid, "connection.credential_invalid",
		"The credential does not have the form that "+d.Title+" needs.", "See GET /api/v1/connectors for the fields.")
	var invalid *jsonschema.ValidationError
	if !errors.As(err, &invalid) {
		return p.Because(err)
	}
	for _, leaf := range leaves(invalid) {
		keywords := leaf.ErrorKind.KeywordPath()
		field := "credential"
		if len(leaf.InstanceLocation) > 0 {
			field += "." + strings.Join(leaf.InstanceLocation, ".")
		}
		p = p.WithFields(models.FieldProblem{Field: field, Detail: "does not fit: " + strings.Join(keywords, "/")})
	}
	return p
}

func leaves(e *jsonschema.ValidationError) []*jsonschema.ValidationError {
	if len(e.Causes) == 0 {
		return []*jsonschema.ValidationError{e}
	}
	var all []*jsonschema.ValidationError
	for _, cause := range e.Causes {
		all = append(all, leaves(cause)...)
	}
	return all
}

// SecretsOf gives the secret texts of a credential, for redaction.
func SecretsOf(d Definition, credential json.RawMessage) []string {
	var fields map[string]any
	if json.Unmarshal(credential, &fields) != nil {
		return nil
	}
	open, err := openFields(d)
	if err != nil {
		return nil
	}
	var secrets []string
	for name, v := range fields {
		if text, ok := v.(string); ok && text != "" && !open[name] {
			secrets = append(secrets, text)
		}
	}
	return secrets
}

// UploadOf gives the upload that a credential names: the value of the form's
// property with the format "upload"; "" where it has none.
func UploadOf(d Definition, credential json.RawMessage) string {
	var form struct {
		Properties map[string]struct {
			Format string `json:"format"`
		} `json:"properties"`
	}
	var fields map[string]any
	if json.Unmarshal(d.Credential, &form) != nil || json.Unmarshal(credential, &fields) != nil {
		return ""
	}
	for name, property := range form.Properties {
		if id, ok := fields[name].(string); ok && property.Format == "upload" {
			return id
		}
	}
	return ""
}

// openFields names the properties that are no secret. What the form does not
// know counts as one.
func openFields(d Definition) (map[string]bool, error) {
	var form struct {
		Properties map[string]struct {
			WriteOnly bool `json:"writeOnly"`
		} `json:"properties"`
	}
	if err := json.Unmarshal(d.Credential, &form); err != nil {
		return nil, fmt.Errorf("parse credential schema of %s: %w", d.Service, err)
	}
	open := make(map[string]bool, len(form.Properties))
	for name, property := range form.Properties {
		open[name] = !property.WriteOnly
	}
	return open, nil
}

func maskSecrets(d Definition, value any) (json.RawMessage, error) {
	fields, ok := value.(map[string]any)
	if !ok {
		return json.RawMessage("{}"), nil
	}
	open, err := openFields(d)
	if err != nil {
		return nil, err
	}
	shown := make(map[string]any, len(fields))
	for name, v := range fields {
		if open[name] {
			shown[name] = v
			continue
		}
		shown[name] = masked(v)
	}
	return json.Marshal(shown)
}

func masked(v any) string {
	const tail = 4
	if text, ok := v.(string); ok && len([]rune(text)) >= 4*tail {
		runes := []rune(text)
		return mask + string(runes[len(runes)-tail:])
	}
	return mask
}
