package connectors_test

import (
	"encoding/json"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/scratch-platform/scratch/connectors"
	"github.com/scratch-platform/scratch/models"
)

var form = connectors.Definition{Service: "sample", Title: "Sample", Credential: json.RawMessage(`{
  "type":"object","additionalProperties":false,"required":["site","password"],
  "properties":{"site":{"type":"string","format":"uri"},"password":{"type":"string","minLength":1,"writeOnly":true}}}`)}

func TestCheckCredentialMasksSecrets(t *testing.T) {
	const secret = "correct horse battery staple"
	hint, err := connectors.CheckCredential(form, json.RawMessage(`{"site":"https://blog.example","password":"`+secret+`"}`))
	require.NoError(t, err)
	require.JSONEq(t, `{"site":"https://blog.example","password":"••••aple"}`, string(hint))

	hint, err = connectors.CheckCredential(form, json.RawMessage(`{"site":"https://blog.example","password":"short"}`))
	require.NoError(t, err)
	require.NotContains(t, string(hint), "hort", "a short secret shows nothing of itself")
}

func TestCheckCredentialNamesWhatDoesNotFit(t *testing.T) {
	cases := map[string]struct{ credential, field string }{
		"missing field":  {`{"site":"https://blog.example"}`, "credential"},
		"wrong type":     {`{"site":"https://blog.example","password":12}`, "credential.password"},
		"unknown field":  {`{"site":"https://blog.example","password":"x","also":"canary"}`, "credential"},
		"not an address": {`{"site":"no address","password":"canary"}`, "credential.site"},
	}
	for name, c := range cases {
		t.Run(name, func(t *testing.T) {
			_, err := connectors.CheckCredential(form, json.RawMessage(c.credential))
			p, ok := models.AsProblem(err)
			require.True(t, ok, "%v", err)
			require.Equal(t, "connection.credential_invalid", p.Code)
			require.NotEmpty(t, p.Fields)
			require.Equal(t, c.field, p.Fields[0].Field)
			require.NotContains(t, err.Error()+p.Fields[0].Detail, "canary", "the values may be secret")
		})
	}
}

func TestCheckCredentialRefusesNonsense(t *testing.T) {
	_, err := connectors.CheckCredential(form, json.RawMessage(`{"site":`))
	require.True(t, models.HasCode(err, "connection.credential_invalid"))
	_, err = connectors.CheckCredential(form, json.RawMessage(`"`+strings.Repeat("x", connectors.MaxCredential)+`"`))
	require.True(t, models.HasCode(err, "connection.credential_too_large"))
}

func TestSecretsOfNamesWhatMustNotBeLogged(t *testing.T) {
	secrets := connectors.SecretsOf(form, json.RawMessage(`{"site":"https://blog.example","password":"hush","also":"unknown"}`))
	require.ElementsMatch(t, []string{"hush", "unknown"}, secrets)
	require.Empty(t, connectors.SecretsOf(form, json.RawMessage(`not json`)))
}
