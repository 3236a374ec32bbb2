package deployment

import (
	"errors"
	"runtime/debug"
	"testing"

	"github.com/stretchr/testify/require"
)

// Breaks when two builds that differ share a name, so that a run is worked on by
// code it did not begin with, or when one commit has a name of its own on each
// machine that builds it.
func TestBuildsAreToldApart(t *testing.T) {
	hash := func() (string, error) { return "0123456789ab", nil }
	commit := debug.BuildSetting{Key: "vcs.revision", Value: "47d6a19c0ffee47d6a19c0ffee"}
	for name, c := range map[string]struct {
		info *debug.BuildInfo
		want string
	}{
		"a release":        {&debug.BuildInfo{Main: debug.Module{Version: "v1.4.0"}}, "v1.4.0"},
		"a commit":         {&debug.BuildInfo{Main: debug.Module{Version: "v0.0.0-20261125141310-47d6a19c0ffe"}}, "v0.0.0-20261125141310-47d6a19c0ffe"},
		"a changed tree":   {&debug.BuildInfo{Main: debug.Module{Version: "v1.4.0+dirty"}, Settings: []debug.BuildSetting{commit}}, "47d6a19c0ffe-0123456789ab"},
		"an unknown tree":  {&debug.BuildInfo{Main: debug.Module{Version: "(devel)"}}, "build-0123456789ab"},
		"a known revision": {&debug.BuildInfo{Main: debug.Module{Version: "(devel)"}, Settings: []debug.BuildSetting{commit}}, "47d6a19c0ffe-0123456789ab"},
		"nothing known":    {nil, "build-0123456789ab"},
	} {
		t.Run(name, func(t *testing.T) {
			got, err := buildID(c.info, hash)
			require.NoError(t, err)
			require.Equal(t, c.want, got)
		})
	}
	_, err := buildID(nil, func() (string, error) { return "", errors.New("gone") })
	require.Error(t, err, "a build without a name must not start under an empty one")
	own, err := OwnBuildID()
	require.NoError(t, err)
	require.NotEmpty(t, own)
}
