package lab

import (
	"cmp"
	"fmt"
	"path"
	"slices"
	"strings"
	"text/tabwriter"

	"narthex"
)

// Environment gives the environment of that exact name.
func (d *Directory) Environment(name narthex.EnvironmentName) (narthex.Environment, bool) {
	at := slices.IndexFunc(d.Environments, func(e narthex.Environment) bool { return e.Name == name && name != "" })
	if at < 0 {
		return narthex.Environment{}, false
	}
	return d.Environments[at], true
}

func (l *loader) environment(name string) {
	e, ok := read[narthex.Environment](l, name, 0, l.files[name])
	if !ok {
		return
	}
	if string(e.Name)+".yaml" != path.Base(name) {
		l.at(name, []string{"name"}, "the environment's name and the file's are the same")
		return
	}
	at, _ := slices.BinarySearchFunc(l.d.Environments, e.Name, func(other narthex.Environment, name narthex.EnvironmentName) int {
		return cmp.Compare(other.Name, name)
	})
	l.d.Environments = slices.Insert(l.d.Environments, at, e)
}

const (
	mostArguments = 32
	mostArgument  = 256 // bytes
	mostPackages  = 100
)

func (l *loader) checkEnvironment(e narthex.Environment) {
	file := "environments/" + string(e.Name) + ".yaml"
	bad := func(path []string, format string, args ...any) { l.at(file, path, format, args...) }
	if narthex.CheckName("an environment", string(e.Name)) != nil {
		bad([]string{"name"}, "an environment's name is canonical: lower-case letters, digits and . _ -")
	}
	if !oneLine(e.Title, 100) {
		bad([]string{"title"}, "the environment has a title of one line, at most 100 bytes")
	}
	if !narthex.AbsolutePath(e.Root) {
		bad([]string{"root"}, "root is an absolute path of a folder, without . and .., or / for this host's /usr")
	}
	if a, known := l.d.Taxonomy.Attribute(e.Computes); e.Computes != "" && (!known || a.Jobs != narthex.Requests || e.Command != nil || e.Packages != nil) {
		bad([]string{"computes"}, "computes names an attribute of requests to a program of ours, and then there is no command and no packages")
	}
	if e.Command != nil && len(e.Command) == 0 || len(e.Command) > mostArguments {
		bad([]string{"command"}, "a command has 1 to %d parts; leave it out where the study states all of it", mostArguments)
	}
	for i, argument := range e.Command {
		if !oneLine(argument, mostArgument) || i == 0 && !narthex.AbsolutePath(argument) {
			bad([]string{"command", itoa(i)}, "a part of a command is one line of 1 to %d bytes, and the first an absolute path without . and ..", mostArgument)
		}
	}
	l.checkRoot(file, e)
	if e.Device != "" && narthex.CheckName("a kind of device", string(e.Device)) != nil {
		bad([]string{"device"}, "device names a kind of device, such as gpu, in lower-case letters, digits and . _ -; leave it out where jobs have none")
	}
	if e.Devices < 0 || e.Devices > narthex.MostDevices || e.Devices > 0 && e.Device == "" {
		bad([]string{"devices"}, "devices is how many devices of the kind that device names a job has where it asks for no number, from 0 to %d", narthex.MostDevices)
	}
	for i, name := range e.Packages {
		if !isPackage(name) || slices.Contains(e.Packages[:i], name) || i >= mostPackages {
			bad([]string{"packages", itoa(i)}, "packages are at most %d, each once, by Debian's names, such as python3-numpy", mostPackages)
		}
	}
	for i, name := range e.Pathways {
		if _, known := l.d.Pathways[name]; slices.Contains(e.Pathways[:i], name) || !known && (name != narthex.AnyPathway || len(e.Pathways) > 1) {
			bad([]string{"pathways", itoa(i)}, "pathway %q is none of this directory, or stands here twice; %s stands alone", name, narthex.AnyPathway)
		}
	}
	if len(e.Pathways) == 0 {
		bad([]string{"pathways"}, "pathways says whose grants may use the environment: names of pathways, or %s", narthex.AnyPathway)
	}
	l.checkJobLimits(file, e.Limits)
}

func (l *loader) checkJobLimits(file string, limits narthex.JobLimits) {
	for _, limit := range []struct {
		name               string
		value, least, most int64
		unit               string
	}{
		{"memory_mb", limits.MemoryMB, 16, 1 << 20, "MiB"},
		{"wall_minutes", limits.WallMinutes, 1, 7 * 24 * 60, "minutes"},
		{"cpus", limits.CPUs, 1, 256, "processors"},
		{"processes", limits.Processes, 1, 4096, "processes and threads"},
		{"scratch_mb", limits.ScratchMB, 1, 64 << 10, "MiB"},
		{"out_mb", limits.OutMB, 1, 1 << 10, "MiB"},
	} {
		if limit.value < limit.least || limit.value > limit.most {
			l.at(file, []string{"limits", limit.name}, "limits state %s, from %d to %d %s", limit.name, limit.least, limit.most, limit.unit)
		}
	}
	if limits.ScratchMB+limits.OutMB > limits.MemoryMB {
		l.at(file, []string{"limits", "memory_mb"}, "scratch_mb and out_mb are kept in memory, so together they are not above memory_mb")
	}
}

// checkBytes holds a version to having a folder with its digest, or neither: what jobs read is what custodians approved.
func (l *loader) checkBytes(file string, i int, v narthex.Version) {
	at := func(field string) []string { return []string{"versions", itoa(i), field} }
	if v.Folder == "" && v.Digest == "" {
		return
	}
	if !narthex.AbsolutePath(v.Folder) || v.Folder == "/" {
		l.at(file, at("folder"), "a version with bytes for jobs states its folder on the node, an absolute path without . and .., and its digest; one without states neither")
	}
	if _, err := narthex.ParseDigest(string(v.Digest)); err != nil {
		l.at(file, at("digest"), "a version with a folder states its digest, sha256: and 64 digits; `narthex lab digest FOLDER` prints it")
	}
}

// isPackage says whether a text is a name that Debian gives packages.
func isPackage(name string) bool {
	return len(name) >= 2 && len(name) <= 64 && name[0] != '-' && name[0] != '+' && name[0] != '.' &&
		!strings.ContainsFunc(name, func(r rune) bool {
			return !(r >= 'a' && r <= 'z' || r >= '0' && r <= '9' || strings.ContainsRune("+-.", r))
		})
}

// oneLine says whether a text is one line of printable ASCII, not empty and without spaces around it.
func oneLine(text string, most int) bool {
	return text != "" && len(text) <= most && strings.TrimSpace(text) == text && !strings.ContainsFunc(text, func(r rune) bool { return r < ' ' || r > '~' })
}

// writeEnvironments prints what jobs run in.
func (d *Directory) writeEnvironments(out *strings.Builder) {
	if len(d.Environments) == 0 {
		return
	}
	out.WriteString("environments of jobs\n")
	w := tabwriter.NewWriter(out, 0, 4, 2, ' ', 0)
	fmt.Fprintln(w, "  NAME\tROOT\tCOMMAND\tMEMORY\tTIME\tCPUS\tPROCESSES\tSCRATCH\tOUT\tDEVICES\tPATHWAYS")
	for _, e := range d.Environments {
		command := "from the study"
		if e.Command != nil {
			command = strings.Join(e.Command, " ") + " …"
		} else if e.Computes != "" {
			command = string(e.Computes) + ", by a program of ours"
		}
		n := e.Limits
		fmt.Fprintf(w, "  %s\t%s\t%s\t%d MiB\t%d min\t%d\t%d\t%d MiB\t%d MiB\t%s\t%s\n", e.Name, e.Root, command, n.MemoryMB, n.WallMinutes, n.CPUs, n.Processes, n.ScratchMB, n.OutMB, devicesOf(e), strings.Trim(fmt.Sprint(e.Pathways), "[]"))
	}
	w.Flush()
	out.WriteString("\n")
}

func devicesOf(e narthex.Environment) string {
	if e.Device == "" {
		return "none"
	}
	return fmt.Sprintf("%d of %s", e.Devices, e.Device)
}
