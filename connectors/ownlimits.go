package connectors

import (
	"bytes"
	"encoding/json"
	"fmt"

	"github.com/scratch-platform/scratch/models"
)

// The properties of a credential form that hold a connection's own limits. A
// form has those that its connector heeds, with the connector's own limit as
// their maximum; they are no secrets.
const (
	ownRate   = "requests_per_second"
	ownAtOnce = "requests_at_once"
)

// OwnLimits are what a person permits one connection, below what its connector
// would: many a host has a limit that only its owner knows. Zero is none.
type OwnLimits struct {
	PerSecond float64 `json:"requests_per_second"`
	AtOnce    int     `json:"requests_at_once"`
}

// Narrow gives the lower of both limits. A rate of one's own saves nothing up:
// a second's worth at once is what some hosts take for an attack.
func (o OwnLimits) Narrow(rate Rate) Rate {
	if o.PerSecond > 0 && (rate.PerSecond <= 0 || o.PerSecond < rate.PerSecond) {
		rate.PerSecond, rate.Burst = o.PerSecond, 1
	}
	if o.AtOnce > 0 && (rate.InFlight <= 0 || o.AtOnce < rate.InFlight) {
		rate.InFlight = o.AtOnce
	}
	return rate
}

// TakesOwnLimits reports whether connections of a service may have some.
func TakesOwnLimits(d Definition) bool {
	open, err := openFields(d)
	return err == nil && (open[ownRate] || open[ownAtOnce])
}

// OwnLimitsOf gives those a credential holds.
func OwnLimitsOf(d Definition, credential json.RawMessage) OwnLimits {
	var own OwnLimits
	if !TakesOwnLimits(d) || json.Unmarshal(credential, &own) != nil {
		return OwnLimits{}
	}
	return own
}

// WithOwnLimits gives a credential with other limits: of the object changes,
// null takes one away, and one that is not named stays as before has it. What
// comes out is yet to be checked. A change of anything but a limit fails with
// "connection.credential_invalid": of a credential that is not given whole, a
// secret could be sent where it does not belong.
func WithOwnLimits(credential, before, changes json.RawMessage) (json.RawMessage, error) {
	wanted, ok := object(changes)
	for name := range wanted {
		ok = ok && (name == ownRate || name == ownAtOnce)
	}
	if !ok {
		return nil, models.NewProblem(models.KindInvalid, "connection.credential_invalid", "The limits are not an object of "+ownRate+" and "+ownAtOnce+".",
			"Send the credential with all its fields to change others.").WithFields(models.FieldProblem{Field: "limits", Detail: "does not fit"})
	}
	fields, ok := object(credential)
	if !ok {
		return credential, nil // whoever checks it says so
	}
	had, _ := object(before)
	for _, name := range []string{ownRate, ownAtOnce} {
		value := had[name]
		if given, ok := fields[name]; ok {
			value = given
		}
		if change, ok := wanted[name]; ok {
			value = change
		}
		if fields[name] = value; value == nil || string(value) == "null" {
			delete(fields, name)
		}
	}
	whole, err := json.Marshal(fields)
	if err != nil {
		return nil, fmt.Errorf("write the credential: %w", err)
	}
	return whole, nil
}

// object takes a JSON object apart; nothing at all is an empty one.
func object(raw json.RawMessage) (fields map[string]json.RawMessage, ok bool) {
	fields = map[string]json.RawMessage{}
	if len(bytes.TrimSpace(raw)) == 0 {
		return fields, true
	}
	return fields, json.Unmarshal(raw, &fields) == nil && fields != nil
}
