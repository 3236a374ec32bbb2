package conformance

import (
	"github.com/stretchr/testify/require"

	"github.com/scratch-platform/scratch/connectors"
	"github.com/scratch-platform/scratch/models"
)

var stepTests = map[string]func(*check){
	"steps are the same each time": func(c *check) {
		stepper, ok := capability[connectors.Stepper](c)
		if !ok {
			return
		}
		schema, item := c.schema(), c.samples(0, 1)[0]
		first := stepper.Steps(models.OpCreate, schema, item)
		second := stepper.Steps(models.OpCreate, schema, item)
		require.Equal(c, first, second)
	},
	"steps are done and known to be done": func(c *check) {
		stepper, ok := capability[connectors.Stepper](c)
		if !ok {
			return
		}
		schema, items := c.schema(), c.samples(0, 1)
		c.firstStep(schema, items)
		for _, step := range stepper.Steps(models.OpCreate, schema, items[0]) {
			done, err := stepper.StepDone(c.ctx, step, schema, items)
			require.NotEqual(c, connectors.Applied, c.results(items, done, err)[items[0].Key].Outcome, "step %q counts as done before it was sent", step)
			results, err := stepper.Step(c.ctx, step, schema, items)
			c.applied(items, results, err)
			done, err = stepper.StepDone(c.ctx, step, schema, items)
			c.applied(items, done, err)
		}
		c.equal(schema, items[0].Values, c.readBack(schema, items[0].RemoteID)[items[0].RemoteID].Fields, "after all steps")
	},
	"a step whose answer was lost": func(c *check) {
		stepper, ok := capability[connectors.Stepper](c)
		if !ok || !c.can(FaultLost) {
			return
		}
		schema, items := c.schema(), c.samples(0, 1)
		c.firstStep(schema, items)
		for _, step := range stepper.Steps(models.OpCreate, schema, items[0]) {
			c.Service.Inject(FaultLost)
			results, err := stepper.Step(c.ctx, step, schema, items)
			require.Equal(c, connectors.Unknown, c.results(items, results, err)[items[0].Key].Outcome)
			done, err := stepper.StepDone(c.ctx, step, schema, items)
			c.applied(items, done, err)
		}
	},
}

func (c *check) firstStep(schema connectors.Schema, items []connectors.WriteItem) {
	c.Helper()
	results, err := c.create(schema, items)
	items[0].RemoteID = c.applied(items, results, err)[items[0].Key].RemoteID
}
