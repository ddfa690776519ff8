// Says of each audit bundle named on the command line whether it is good (1) or not (0), by golang.org/x/mod and Go's
// own library alone. Files, signature, root, tiles, case chains, case heads and definitions; no list of what is wrong.
package main

import (
	"bufio"
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"sort"
	"strings"

	"golang.org/x/mod/sumdb/note"
	"golang.org/x/mod/sumdb/tlog"
)

func must(holds bool, why string) {
	if !holds {
		panic(why)
	}
}

func sum(data []byte) string {
	found := sha256.Sum256(data)
	return hex.EncodeToString(found[:])
}

type bundle struct {
	folder string
	files  map[string]bool
}

func (b bundle) read(name string) []byte {
	data, err := os.ReadFile(filepath.Join(b.folder, name))
	must(err == nil, "no "+name)
	return data
}

func (b bundle) sums() {
	listed := map[string]bool{}
	for _, line := range strings.Split(strings.TrimSuffix(string(b.read("SHA256SUMS")), "\n"), "\n") {
		digest, name, found := strings.Cut(line, "  ")
		must(found && !strings.Contains(name, ".."), "sums")
		must(sum(b.read(name)) == digest, "changed "+name)
		listed[name] = true
	}
	filepath.WalkDir(b.folder, func(path string, entry fs.DirEntry, err error) error {
		if err == nil && !entry.IsDir() {
			name, _ := filepath.Rel(b.folder, path)
			must(listed[name] || name == "SHA256SUMS", "extra "+name)
			b.files[name] = true
		}
		return nil
	})
}

// Keys of a policy of logs; one that asks for witnesses is more than this program knows, and not good.
func (b bundle) keys() note.Verifiers {
	keys, quorum := []note.Verifier{}, false
	for _, line := range strings.Split(strings.TrimSpace(string(b.read("policy.txt"))), "\n") {
		words := strings.Fields(line)
		if len(words) > 1 && words[0] == "log" {
			key, err := note.NewVerifier(words[1])
			must(err == nil, "key")
			keys = append(keys, key)
		} else {
			must(line == "quorum none", "policy")
			quorum = true
		}
	}
	must(quorum && len(keys) > 0, "policy")
	return note.VerifierList(keys...)
}

func checkpoint(text []byte, keys note.Verifiers) (string, tlog.Tree) {
	found, err := note.Open(text, keys)
	must(err == nil, "signature")
	lines := strings.Split(found.Text, "\n")
	tree := tlog.Tree{}
	_, err = fmt.Sscanf(lines[1], "%d", &tree.N)
	must(err == nil && found.Sigs[0].Name == lines[0], "checkpoint")
	tree.Hash, err = tlog.ParseHash(lines[2])
	must(err == nil, "checkpoint")
	return lines[0], tree
}

type record struct {
	Log, Id, Case, Prev, Def, Gui, Law, Type, Root string
	Cseq, Upto, Count                              *int
	Acc, Ord                                       struct{ Def string }
}

// Number of cases, and the root over where they stand: key, number of records and last leaf of each, sorted by key.
func standing(counts map[string]int, heads map[string]string) string {
	cases, stored := []string{}, hashes{}
	for one := range counts {
		cases = append(cases, one)
	}
	sort.Strings(cases)
	for place, one := range cases {
		entry := fmt.Sprintf(`["%s",%d,"%s"]`, one, counts[one], heads[one])
		more, err := tlog.StoredHashes(int64(place), []byte(entry), stored)
		must(err == nil, "heads")
		stored = append(stored, more...)
	}
	root, err := tlog.TreeHash(int64(len(cases)), stored)
	must(err == nil, "heads")
	return fmt.Sprintf("%d %x", len(cases), root[:])
}

// The places that records speak of when they say where the cases stand.
func places(lines [][]byte) map[int]string {
	found := map[int]string{}
	for _, line := range lines {
		said := record{}
		if bytes.Contains(line, []byte(`"case.heads"`)) && json.Unmarshal(line, &said) == nil && said.Upto != nil {
			found[*said.Upto] = ""
		}
	}
	return found
}

func (b bundle) content(lines [][]byte, origin string) {
	ids, heads, counts := map[string]bool{}, map[string]string{}, map[string]int{}
	named, stood := map[string]bool{}, places(lines)
	for number, line := range lines {
		said, whole := record{}, bytes.Buffer{}
		must(json.Unmarshal(line, &said) == nil, "record")
		any := map[string]interface{}{}
		keep := json.NewDecoder(bytes.NewReader(line))
		keep.UseNumber()
		must(keep.Decode(&any) == nil, "record")
		write := json.NewEncoder(&whole)
		write.SetEscapeHTML(false)
		must(write.Encode(any) == nil && bytes.Equal(bytes.TrimSuffix(whole.Bytes(), []byte("\n")), line), "form")
		must(said.Log == origin && !ids[said.Id], "record")
		ids[said.Id] = true
		for _, digest := range []string{said.Def, said.Gui, said.Law, said.Acc.Def, said.Ord.Def} {
			if digest != "" {
				must(sum(b.read("definitions/"+digest+".json")) == digest, "definition")
				named["definitions/"+digest+".json"] = true
			}
		}
		if said.Cseq != nil {
			must(*said.Cseq == counts[said.Case]+1 && said.Prev == heads[said.Case], "chain")
			leaf := tlog.RecordHash(line)
			counts[said.Case], heads[said.Case] = *said.Cseq, hex.EncodeToString(leaf[:])
		}
		if said.Type == "case.heads" {
			must(said.Upto != nil && said.Count != nil, "heads")
			must(stood[*said.Upto] == fmt.Sprintf("%d %s", *said.Count, said.Root), "heads")
		}
		if _, asked := stood[number+1]; asked && len(counts) > 0 {
			stood[number+1] = standing(counts, heads)
		}
	}
	for name := range b.files {
		must(!strings.HasPrefix(name, "definitions/") || named[name], "definition nobody names")
	}
}

type hashes []tlog.Hash

func (h hashes) ReadHashes(indexes []int64) ([]tlog.Hash, error) {
	found := []tlog.Hash{}
	for _, one := range indexes {
		found = append(found, h[one])
	}
	return found, nil
}

func (b bundle) tree(lines [][]byte, notes [][]byte, keys note.Verifiers, newest tlog.Tree) {
	stored, leaves := hashes{}, []byte{}
	roots := map[int64]tlog.Hash{}
	for number, line := range lines {
		more, err := tlog.StoredHashes(int64(number), line, stored)
		must(err == nil, "tree")
		stored = append(stored, more...)
		leaf := tlog.RecordHash(line)
		leaves = append(leaves, leaf[:]...)
		roots[int64(number+1)], _ = tlog.TreeHash(int64(number+1), stored)
	}
	must(int64(len(lines)) == newest.N && bytes.Equal(leaves, b.read("leaves.bin")), "leaves")
	for _, text := range notes {
		_, tree := checkpoint(text, keys)
		must(tree.N <= newest.N && roots[tree.N] == tree.Hash, "root")
	}
	wanted, widest := map[string]bool{}, map[[2]int64]tlog.Tile{}
	for _, tile := range tlog.NewTiles(8, 0, newest.N) {
		// Some versions list a tile at every width that it has had.
		place := [2]int64{int64(tile.L), tile.N}
		if widest[place].W < tile.W {
			widest[place] = tile
		}
	}
	for _, tile := range widest {
		data, err := tlog.ReadTileData(tile, stored)
		// The same tile as C2SP names it: without the height.
		name := strings.Replace(tile.Path(), "tile/8/", "tile/", 1)
		must(err == nil && bytes.Equal(data, b.read(name)), "tile")
		wanted[name] = true
	}
	for name := range b.files {
		must(!strings.HasPrefix(name, "tile/") || wanted[name], "tile nobody wants")
	}
}

func good(folder string) (holds bool) {
	defer func() {
		if why := recover(); why != nil {
			fmt.Fprintln(os.Stderr, filepath.Base(folder), why)
			holds = false
		}
	}()
	b := bundle{folder, map[string]bool{}}
	b.sums()
	keys := b.keys()
	origin, newest := checkpoint(b.read("checkpoint"), keys)
	notes := [][]byte{b.read("checkpoint")}
	for _, text := range strings.Split(strings.TrimSpace(string(b.read("checkpoints")))+"\n", "\n\n"+origin+"\n") {
		if !strings.HasPrefix(text, origin+"\n") {
			text = origin + "\n" + text
		}
		notes = append(notes, []byte(strings.TrimRight(text, "\n")+"\n"))
	}
	lines := bytes.Split(b.read("records.jsonl"), []byte("\n"))
	must(len(lines[len(lines)-1]) == 0, "torn")
	lines = lines[:len(lines)-1]
	b.content(lines, origin)
	b.tree(lines, notes, keys, newest)
	return true
}

func main() {
	folders := bufio.NewScanner(os.Stdin)
	for folders.Scan() {
		if good(folders.Text()) {
			fmt.Println(1)
		} else {
			fmt.Println(0)
		}
	}
}
