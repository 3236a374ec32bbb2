package codec

import (
	"errors"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/require"
	commonpb "go.temporal.io/api/common/v1"
	failurepb "go.temporal.io/api/failure/v1"
	"go.temporal.io/sdk/converter"
	"go.temporal.io/sdk/temporal"
	"google.golang.org/protobuf/encoding/protojson"
	"google.golang.org/protobuf/proto"

	"github.com/scratch-platform/scratch/internal/vault"
)

const canary = "canary-4711"

func openVault(t *testing.T) *vault.Vault {
	t.Helper()
	v, err := vault.Open(vault.Source{File: filepath.Join(t.TempDir(), "keyset.json"), Create: true})
	require.NoError(t, err)
	return v
}

type input struct {
	Table  string `json:"table"`
	Cursor string `json:"cursor"`
}

func TestValuesAreEncryptedAndComeBack(t *testing.T) {
	v := openVault(t)
	dc := DataConverter(v)
	payloads, err := dc.ToPayloads(input{"posts", canary}, []byte(canary), nil, canary)
	require.NoError(t, err)

	raw, err := proto.Marshal(payloads)
	require.NoError(t, err)
	require.NotContains(t, string(raw), canary)
	for _, p := range payloads.Payloads {
		require.Equal(t, Encoding, string(p.Metadata[converter.MetadataEncoding]))
		require.Equal(t, v.PrimaryKeyID().String(), string(p.Metadata[MetadataKeyID]))
		require.Len(t, p.Metadata, 2, "the type of the value is hidden too")
	}

	var in input
	var bytes []byte
	var none *input
	var text string
	require.NoError(t, dc.FromPayloads(payloads, &in, &bytes, &none, &text))
	require.Equal(t, input{"posts", canary}, in)
	require.Equal(t, canary, string(bytes))
	require.Nil(t, none)
	require.Equal(t, canary, text)
}

// What an operator sends with the temporal CLI is not encrypted and must arrive.
func TestPlainPayloadsPassThrough(t *testing.T) {
	plain, err := converter.GetDefaultDataConverter().ToPayload(input{"posts", "c1"})
	require.NoError(t, err)
	var in input
	require.NoError(t, DataConverter(openVault(t)).FromPayload(plain, &in))
	require.Equal(t, "c1", in.Cursor)
}

func TestFailuresAreEncryptedAllTheWayDown(t *testing.T) {
	fc := FailureConverter(openVault(t))
	inner := temporal.NewNonRetryableApplicationError(canary+" inner", "auth", errors.New(canary+" cause"), canary+" detail")
	failures := map[string]error{
		"application": temporal.NewApplicationErrorWithCause(canary+" outer", "unavailable", inner, input{Cursor: canary}),
		"plain":       errors.New(canary),
		"cancelled":   temporal.NewCanceledError(canary),
		"timeout":     temporal.NewTimeoutError(1, inner, canary),
		"panic":       temporal.NewApplicationErrorWithOptions(canary, "panic", temporal.ApplicationErrorOptions{Cause: inner}),
	}
	for name, err := range failures {
		t.Run(name, func(t *testing.T) {
			failure := fc.ErrorToFailure(err)
			raw, marshalErr := proto.Marshal(failure)
			require.NoError(t, marshalErr)
			require.NotContains(t, string(raw), canary)

			var stored failurepb.Failure
			require.NoError(t, proto.Unmarshal(raw, &stored))
			back := fc.FailureToError(&stored)
			if name == "application" || name == "plain" || name == "panic" {
				require.ErrorContains(t, back, canary, "the worker sees the words again")
			}
			var application *temporal.ApplicationError
			if name == "application" {
				require.ErrorAs(t, back, &application)
				require.Equal(t, "unavailable", application.Type(), "the code stays readable for retry policies")
				require.ErrorAs(t, application.Unwrap(), &application)
				require.True(t, application.NonRetryable())
				var detail string
				require.NoError(t, application.Details(&detail))
				require.Equal(t, canary+" detail", detail)
			}
		})
	}
}

func TestRotatedKeysStillDecode(t *testing.T) {
	v := openVault(t)
	before, err := DataConverter(v).ToPayload("before")
	require.NoError(t, err)
	_, err = v.Rotate()
	require.NoError(t, err)
	var text string
	require.NoError(t, DataConverter(v).FromPayload(before, &text))
	require.Equal(t, "before", text)
}

func TestForeignAndDamagedPayloadsFail(t *testing.T) {
	payload, err := DataConverter(openVault(t)).ToPayload(canary)
	require.NoError(t, err)
	mine := New(openVault(t))
	_, err = mine.Decode([]*commonpb.Payload{payload})
	require.ErrorIs(t, err, vault.ErrUnknownKey)
	for _, data := range [][]byte{nil, {1}, make([]byte, 100)} {
		_, err = mine.Decode([]*commonpb.Payload{{Metadata: payload.Metadata, Data: data}})
		require.Error(t, err)
	}
}

// The Web UI and the CLI hold payloads as JSON on the way.
func TestSurvivesJSON(t *testing.T) {
	dc := DataConverter(openVault(t))
	payload, err := dc.ToPayload(canary)
	require.NoError(t, err)
	text, err := protojson.Marshal(payload)
	require.NoError(t, err)
	var back commonpb.Payload
	require.NoError(t, protojson.Unmarshal(text, &back))
	var value string
	require.NoError(t, dc.FromPayload(&back, &value))
	require.Equal(t, canary, value)
}
