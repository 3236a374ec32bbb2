package codec

import (
	"context"
	"fmt"

	commonpb "go.temporal.io/api/common/v1"
	"go.temporal.io/sdk/converter"
	"go.temporal.io/sdk/temporal"
	"google.golang.org/protobuf/proto"

	"github.com/scratch-platform/scratch/internal/vault"
	"github.com/scratch-platform/scratch/models"
)

const (
	// Encoding marks an encrypted payload in its metadata.
	Encoding = "binary/scratch-encrypted"
	// MetadataKeyID holds the id of the key, so that an operator can see from a
	// history which keys are still needed.
	MetadataKeyID = "scratch-key-id"
)

// place is the associated data of every payload. It cannot name the workflow: the
// endpoint for the Web UI sees payloads without knowing where they belong.
var place = []byte("temporal payload")

// Codec encrypts payloads with the vault.
type Codec struct{ vault *vault.Vault }

var _ converter.PayloadCodec = (*Codec)(nil)

// New returns a codec over the vault.
func New(v *vault.Vault) *Codec { return &Codec{vault: v} }

// DataConverter is the SDK's own converter with encryption around it.
func DataConverter(v *vault.Vault) converter.DataConverter {
	return converter.NewCodecDataConverter(converter.GetDefaultDataConverter(), New(v))
}

// FailureConverter encrypts the message and stack trace of every failure too, all
// the way down its causes. Types stay readable: retry policies go by them.
func FailureConverter(v *vault.Vault) converter.FailureConverter {
	return temporal.NewDefaultFailureConverter(temporal.DefaultFailureConverterOptions{
		DataConverter:          DataConverter(v),
		EncodeCommonAttributes: true, // Promise 10: a service's words can hold a secret
	})
}

// Encode encrypts each payload, its metadata included.
func (c *Codec) Encode(payloads []*commonpb.Payload) ([]*commonpb.Payload, error) {
	encoded := make([]*commonpb.Payload, len(payloads))
	for i, payload := range payloads {
		plain, err := proto.Marshal(payload)
		if err != nil {
			return nil, fmt.Errorf("encode payload %d: %w", i, err)
		}
		sealed, err := c.vault.Encrypt(context.Background(), plain, place)
		if err != nil {
			return nil, fmt.Errorf("encode payload %d: %w", i, err)
		}
		id, err := sealed.KeyID()
		if err != nil {
			return nil, fmt.Errorf("encode payload %d: %w", i, err)
		}
		encoded[i] = &commonpb.Payload{
			Metadata: map[string][]byte{
				converter.MetadataEncoding: []byte(Encoding),
				MetadataKeyID:              []byte(id.String()),
			},
			Data: sealed, // Promise 10: nothing readable enters a history
		}
	}
	return encoded, nil
}

// Decode decrypts the payloads that Encode made. Others pass through, so that an
// operator's `temporal workflow signal --input` reaches the workflow.
func (c *Codec) Decode(payloads []*commonpb.Payload) ([]*commonpb.Payload, error) {
	decoded := make([]*commonpb.Payload, len(payloads))
	for i, payload := range payloads {
		if string(payload.GetMetadata()[converter.MetadataEncoding]) != Encoding {
			decoded[i] = payload
			continue
		}
		plain, err := c.vault.Decrypt(context.Background(), payload.GetData(), place)
		if err != nil {
			return nil, fmt.Errorf("decode payload %d: %w", i, err)
		}
		decoded[i] = &commonpb.Payload{}
		if err := proto.Unmarshal(plain, decoded[i]); err != nil {
			return nil, models.NewProblem(models.KindInternal, "codec.corrupted",
				fmt.Sprintf("payload %d was decrypted but is not a payload", i),
				"It was written by another version of Scratch; use that version to read it.").Because(err)
		}
	}
	return decoded, nil
}
