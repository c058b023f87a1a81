// Asks Mien for the faces of pictures: go run client.go http://127.0.0.1:8000 a.jpg b.jpg
package main

import (
	"bytes"
	"encoding/json"
	"fmt"
	"log"
	"net/http"
	"os"
)

// answer is what was found; or a problem (RFC 9457), which has a code and a detail.
type answer struct {
	Code, Detail string
	Faces        []struct {
		Emotion    string
		Confidence float64
	}
}

func detect(server string, picture []byte) (found answer, err error) {
	response, err := http.Post(server+"/detect", "application/octet-stream", bytes.NewReader(picture))
	if err != nil {
		return found, err
	}
	defer response.Body.Close()
	return found, json.NewDecoder(response.Body).Decode(&found)
}

func main() {
	for _, file := range os.Args[2:] {
		picture, err := os.ReadFile(file)
		if err != nil {
			log.Fatal(err)
		}
		found, err := detect(os.Args[1], picture)
		if err != nil {
			log.Fatal(err)
		}
		if found.Code != "" {
			fmt.Printf("%s\t%s\t%s\n", file, found.Code, found.Detail)
		}
		for _, face := range found.Faces {
			fmt.Printf("%s\t%s\t%.2f\n", file, face.Emotion, face.Confidence)
		}
	}
}
