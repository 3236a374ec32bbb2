package workflows

import "github.com/scratch-platform/scratch/activities"

// The activities, by nil pointers: their names are checked by the compiler and
// their methods are never called here.
var (
	downloads *activities.Downloads
	publishes *activities.Publishes
	jobs      *activities.Jobs
	schedules *activities.Schedules
	cleanup   *activities.Cleanup
)
