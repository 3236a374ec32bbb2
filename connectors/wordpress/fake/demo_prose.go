package fake

// The demo site is the blog of a made-up shop for home cooks and gardeners.
// Every sentence below was written for it.

type demoSubject struct {
	name, category string
	tags           []string
	facts          []string
}

var demoSubjects = []demoSubject{
	{"sourdough bread", "Kitchen", []string{"bread", "baking"}, []string{
		"A lively starter doubles within six hours of a feed and smells of yoghurt, not of paint.",
		"Cold dough is easier to score, so the night in the fridge helps the hand as much as the flavour.",
		"Most flat loaves were baked too early rather than too late.",
	}},
	{"cast-iron pans", "Tools", []string{"cookware", "care"}, []string{
		"Three thin coats of oil make a better surface than one thick one.",
		"A short wash with soap does no harm; an hour in the sink does.",
		"Rust comes off with salt, oil and patience, and the pan is none the worse for it.",
	}},
	{"tomato seedlings", "Garden", []string{"tomatoes", "seedlings"}, []string{
		"Seedlings that stretch are asking for light, not for food.",
		"Bury the stem up to the first leaves and it grows roots along its whole length.",
		"Ten days of hardening off save a month of sulking in the bed.",
	}},
	{"compost", "Garden", []string{"soil", "compost"}, []string{
		"A heap that smells has too much green in it; torn cardboard puts it right.",
		"Turning it once a month is enough for everyone who is not in a hurry.",
		"It is ready when you can no longer tell what it was made of.",
	}},
	{"pickled vegetables", "Kitchen", []string{"preserving", "vegetables"}, []string{
		"Hot brine over raw vegetables keeps them crisp for a fortnight in the fridge.",
		"Half vinegar, half water, and salt that has no iodine in it.",
		"Mustard seed and a bay leaf do most of the work.",
	}},
	{"kitchen knives", "Tools", []string{"knives", "care"}, []string{
		"A knife that slides off a tomato is the dangerous one.",
		"A whetstone of grit 1000 is the only stone most kitchens need.",
		"Glass boards look clean and ruin an edge in a week.",
	}},
	{"herbs on the windowsill", "Garden", []string{"herbs", "indoors"}, []string{
		"Supermarket basil is twenty plants in one pot; split it in four and it lives.",
		"Thyme and rosemary want to be forgotten between waterings.",
		"Pick from the top, just above a pair of leaves, and the plant branches.",
	}},
	{"slow coffee", "Drinks", []string{"coffee", "brewing"}, []string{
		"Sixty grams to the litre is a fair place to start.",
		"Water just off the boil suits light roasts; dark ones ask for a minute's wait.",
		"Grind finer when the cup is sour, coarser when it is bitter.",
	}},
	{"bean soup", "Kitchen", []string{"soup", "beans"}, []string{
		"Salt in the soaking water softens the skins.",
		"A rind of hard cheese gives the pot what stock would have given it.",
		"Blend a third of the beans and the soup thickens itself.",
	}},
	{"raised beds", "Garden", []string{"soil", "building"}, []string{
		"Thirty centimetres of depth are enough for everything but parsnips.",
		"Untreated larch lasts about eight years, which is longer than most plans.",
		"Fill the lowest third with branches and last year's leaves.",
	}},
	{"elderflower cordial", "Drinks", []string{"cordial", "foraging"}, []string{
		"Pick on a dry morning, before the bees have had the best of it.",
		"Shake the heads, never wash them: the flavour is in the dust.",
		"Citric acid keeps a bottle for months; lemon alone keeps it for weeks.",
	}},
	{"pasta by hand", "Kitchen", []string{"pasta", "baking"}, []string{
		"One egg to a hundred grams of flour, and half an hour's rest.",
		"The dough is kneaded enough when it springs back from a thumb.",
		"Semolina on the tray stops the shapes from sticking; flour glues them.",
	}},
	{"pruning roses", "Garden", []string{"roses", "pruning"}, []string{
		"Cut to a bud that looks away from the middle of the bush.",
		"Late winter is right for most; ramblers wait until they have flowered.",
		"Clean blades spread no disease.",
	}},
	{"enamel pots", "Tools", []string{"cookware", "enamel"}, []string{
		"Warm an enamel pot slowly and it will not chip.",
		"Soda and hot water lift a burnt base overnight.",
		"A chip on the rim is a blemish; a chip in the base is the end of it.",
	}},
	{"apple cake", "Kitchen", []string{"cake", "baking"}, []string{
		"Sharp apples keep their shape and their opinion.",
		"Brown the butter first and the cake needs less sugar.",
		"It is better on the second day, which nobody has been able to prove for long.",
	}},
}

type demoAngle struct {
	title string // %s is the subject
	lead  string
	body  []string
	tag   string
}

var demoAngles = []demoAngle{
	{
		"A beginner's guide to %s", "Everyone starts somewhere, and this is where we would start with %s.",
		[]string{"Buy less than you think you need. The first month teaches you what is missing, and it is rarely what the list said.", "Write down what you did. Not for the neatness of it, but because the good result is the one you will want again."},
		"how-to",
	},
	{
		"Five mistakes we made with %s", "We have run the shop since 2012 and have got %s wrong in every way there is.",
		[]string{"The first mistake was hurry. The second was asking three people and following all of them.", "None of it was wasted. A thing done badly twice is a thing understood."},
		"How To",
	},
	{
		"The best books on %s (2019)", "Our shelf in the back room, sorted by how stained the pages are: what we read about %s in 2019.",
		[]string{"We kept to books that somebody here has used for at least a year.", "Prices were checked in March 2019 and will have moved since."},
		"reviews",
	},
	{
		"%s: questions from the counter", "You ask, we answer: a season's worth of questions about %s.",
		[]string{"Can it be done cheaper? Nearly always, and we will say where the money matters.", "Can it be done faster? Sometimes. We mark those with a clock on the shelf."},
		"Questions",
	},
	{
		"What changed in %s in 2021", "Prices, suppliers and one new idea: our notes on %s for 2021.",
		[]string{"Two of our suppliers closed and a third began to deliver by bicycle.", "If you read this after 2021, ask us before you rely on a number in it."},
		"review",
	},
	{
		"An afternoon course: %s", "Saturday at two, tea included: an afternoon about %s at the long table.",
		[]string{"Ten places, aprons from us, and everything you make goes home with you.", "Bring a jar with a lid. Nobody has ever regretted having brought a jar."},
		"events",
	},
	{
		"Tools we would buy again for %s", "Cupboards are small. This is what earned its place beside %s.",
		[]string{"We name the things that broke as well, for they cost us more.", "Where a borrowed tool does, we say so; the neighbour with the big ladder does not mind."},
		"Tools",
	},
	{
		"From our readers: %s at home", "Letters and photographs about %s, with thanks to all who wrote.",
		[]string{"Marit in Bergen uses the airing cupboard; Jonas on the third floor uses the car.", "Send us yours. We read all of it, slowly, on Mondays."},
		"readers",
	},
	{
		"HOW TO STORE %s", "Most of what goes wrong with %s goes wrong afterwards, on the shelf.",
		[]string{"Dark, dry and cool are three different wishes. Few homes grant all three, so decide which matters.", "Label it with the date. You will not remember, and neither did we."},
		"how to",
	},
	{
		"The year in %s", "Month by month: when to think about %s and when to let it be.",
		[]string{"January is for reading and for sharpening.", "By June there is nothing left to plan and everything to do.", "October is for putting away, and for the list of what to try next year."},
		"calendar",
	},
	{
		"Is it worth it? The cost of %s", "We kept every receipt for %s during one year and added them up.",
		[]string{"The sum surprised us in both directions.", "Time is not in it. If you count time, do something else; if you enjoy it, it was free."},
		"money",
	},
	{
		"%s for small homes", "No cellar, no garden, one cupboard: %s when there is no room.",
		[]string{"Think upwards. Walls hold more than floors.", "Share: two households with half the things each have all of them."},
		"Small Homes",
	},
	{
		"A short history of %s", "Where %s comes from, as far as anyone at this table knows.",
		[]string{"Our grandmothers did it without a word for it.", "The fashion came, went, and came back with a higher price."},
		"history",
	},
	{
		"%s with children", "Small hands, big spoons: doing %s with helpers under ten.",
		[]string{"Give them a job that matters and a cloth.", "Leave half an hour more than you think, and sing."},
		"family",
	},
}
