package inspect

import (
	"slices"
	"testing"

	"narthex/internal/disclosure"
)

// TestWhatIsBrokenOverCellsIsReadTogether hides a mark in cells, values and lines in which its parts stand among other things.
func TestWhatIsBrokenOverCellsIsReadTogether(t *testing.T) {
	in := New(Held{Canaries: []string{"canary 7d1f-09ac-55e2-b3c8"}})
	for name, f := range map[string]File{
		"hex in cells of six":                   {Name: "a", Kind: disclosure.CSV, Bytes: []byte("step,token,loss\n0,63616e,-0.643\n1,617279,0.364\n2,203764,-0.719\n3,31662d,-0.4046\n4,303961,-1.87\n5,632d35,50.18\n6,356532,-1.111\n7,2d6233,-4.139\n8,6338,-0.1377\n")},
		"numbers whose spaces a form took away": {Name: "a", Kind: disclosure.CSV, Bytes: []byte("step,token,loss\n0,99 97 11,-8.795\n1,0 97 114,0.376\n2,121 32,1.19\n3,55 100 4,-0.02066\n4,9 102 45,-0.549\n5,48 57 9,11.04\n6,7 99 45,0.2398\n7,53 53 10,-0.075\n8,1 50 45,10.82\n9,98 51 99,0.275\n10,56,16.43\n")},
		"two columns behind letters":            {Name: "a", Kind: disclosure.CSV, Bytes: []byte("step,a,b\n0,u63616e617279,v20376431662d\n1,u303961632d35,v3565322d6233\n2,u6338,v\n")},
		"values among names":                    {Name: "a", Kind: disclosure.JSON, Bytes: []byte(`[{"loss":1.5,"token":"pnanel 7"},{"loss":0.99,"token":"q1s-09np"},{"loss":0.38,"token":"-55r2-o3"},{"loss":-1.623,"token":"p8"}]`)},
		"numbers in brackets":                   {Name: "a", Kind: disclosure.Text, Bytes: []byte("We saw these.\n[99,97,110,97,114]\n[,121,32,55,100,4]\n[9,102,45,48,57,9]\n[7,99,45,53,53,10]\n[1,50,45,98,51,99]\n[,56]\nNothing else was.\n")},
		"numbers and counts":                    {Name: "a", Kind: disclosure.Text, Bytes: []byte("99 97 110 97 114  0\n 121 32 55 100 4  1\n9 102 45 48 57 9  2\n7 99 45 53 53 10  3\n1 50 45 98 51 99  4\n 56  5\n")},
	} {
		if found := in.Look([]File{f}); !slices.ContainsFunc(found, func(f Finding) bool { return f.Kind == Canary }) {
			t.Errorf("%s: %v", name, found)
		}
	}
}
