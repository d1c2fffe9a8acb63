package cli

import (
	"path/filepath"
	"strings"

	"narthex"
	"narthex/client"
	"narthex/internal/lab"
)

// attach adds files to a draft: each by its name, digest and size. The bytes stay where they are.
func attach(draft *client.Draft, files []string, where string) error {
	if len(files) == 0 && where != "" {
		return problem(narthex.Invalid, "name the files with --attach", "--where says where attached files can be read, and none is attached")
	}
	for _, file := range files {
		if strings.TrimSpace(where) == "" {
			return problem(narthex.Invalid, "say it with --where, such as --where 'mailed to the programme'", "the file stays with you, so the lab's people need to know where they can read it")
		}
		digest, size, err := digestOf(file)
		if err != nil {
			return err
		}
		draft.Attachments = append(draft.Attachments, narthex.Attachment{Name: filepath.Base(file), Digest: digest, Size: size, Where: where})
	}
	return nil
}

// checkAttached says whether a file is one that is attached to an application.
func (a *app) checkAttached(view client.EngagementView, file string) error {
	digest, size, err := digestOf(file)
	if err != nil {
		return err
	}
	for _, attached := range view.Engagement.Application.Attachments {
		if attached.Digest == digest && attached.Size == size {
			return a.show(attached, func(p *page) {
				p.line("%s is the attachment %s of %s: the same %d bytes, %s", file, attached.Name, view.Engagement.ID, size, digest)
			})
		}
	}
	return problem(narthex.Conflict, "ask the applicant for the file whose digest `narthex engagements show` prints", "%s is none of the %d attachments of %s: its digest is %s", file, len(view.Engagement.Application.Attachments), view.Engagement.ID, digest)
}

// writeDeclared shows what an application holds beside its answers and terms.
func writeDeclared(p *page, app narthex.Application) {
	if len(app.Attachments) > 0 {
		p.heading("Attached")
		t := newTable("NAME", "BYTES", "WHERE", "DIGEST")
		for _, attached := range app.Attachments {
			t.row(attached.Name, number(attached.Size), attached.Where, string(attached.Digest))
		}
		p.table(t)
	}
	if len(app.Interests) > 0 {
		p.heading("Interests that they declare")
		t := newTable("KIND", "WITH")
		for _, declared := range app.Interests {
			t.row(strings.ReplaceAll(string(declared.Kind), "_", " "), declared.With)
		}
		p.table(t)
	}
}

func codesInWords(codes []narthex.UseCode) string {
	words := make([]string, len(codes))
	for i, code := range codes {
		words[i] = string(code) + " (" + lab.CodeInWords(code) + ")"
	}
	return strings.Join(words, ", ")
}
