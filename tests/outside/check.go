// Answers, for each question on standard input, what golang.org/x/mod says of it: 1 when it holds, else 0.
package main

import (
	"bufio"
	"encoding/json"
	"fmt"
	"os"

	"golang.org/x/mod/sumdb/note"
	"golang.org/x/mod/sumdb/tlog"
)

type question struct {
	Kind, Note, Old, Vkey string
	Entry                 []byte
	Index                 int64
	Proof                 [][]byte
}

func hashes(given [][]byte) ([]tlog.Hash, bool) {
	found := []tlog.Hash{}
	for _, one := range given {
		var hash tlog.Hash
		if copy(hash[:], one) != len(one) || len(one) != tlog.HashSize {
			return nil, false
		}
		found = append(found, hash)
	}
	return found, true
}

func opened(text, vkey string) (tlog.Tree, bool) {
	verifier, err := note.NewVerifier(vkey)
	if err != nil {
		return tlog.Tree{}, false
	}
	found, err := note.Open([]byte(text), note.VerifierList(verifier))
	if err != nil {
		return tlog.Tree{}, false
	}
	var origin, root string
	tree := tlog.Tree{}
	if _, err := fmt.Sscanf(found.Text, "%s\n%d\n%s\n", &origin, &tree.N, &root); err != nil || origin != verifier.Name() {
		return tlog.Tree{}, false
	}
	tree.Hash, err = tlog.ParseHash(root)
	return tree, err == nil
}

func holds(q question) bool {
	tree, ok := opened(q.Note, q.Vkey)
	proof, whole := hashes(q.Proof)
	if !ok || !whole {
		return false
	}
	if q.Kind == "consistency" {
		old, ok := opened(q.Old, q.Vkey)
		return ok && tlog.CheckTree(proof, tree.N, tree.Hash, old.N, old.Hash) == nil
	}
	return tlog.CheckRecord(proof, tree.N, tree.Hash, q.Index, tlog.RecordHash(q.Entry)) == nil
}

func main() {
	lines := bufio.NewScanner(os.Stdin)
	lines.Buffer(nil, 1<<20)
	for lines.Scan() {
		var q question
		if json.Unmarshal(lines.Bytes(), &q) == nil && holds(q) {
			fmt.Println(1)
		} else {
			fmt.Println(0)
		}
	}
}
