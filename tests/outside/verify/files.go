package main

import (
	"fmt"
	"io"
	"net/http"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"time"
)

// files are a log's resources by their path in C2SP tlog-tiles.
type files interface {
	read(path string) ([]byte, error)
}

type folder string

func (f folder) read(path string) ([]byte, error) {
	return os.ReadFile(filepath.Join(string(f), filepath.FromSlash(path)))
}

type site struct {
	prefix string
	signer *signer
	client http.Client
}

func open(target, keyFile, keyID string) (files, error) {
	if !strings.HasPrefix(target, "http://") && !strings.HasPrefix(target, "https://") {
		return folder(target), nil
	}
	if _, err := url.Parse(target); err != nil {
		return nil, err
	}
	found := &site{
		prefix: strings.TrimSuffix(target, "/"), client: http.Client{Timeout: 30 * time.Second},
	}
	if keyFile != "" {
		key, err := newSigner(keyFile, keyID)
		if err != nil {
			return nil, err
		}
		found.signer = key
	}
	return found, nil
}

func (s *site) read(path string) ([]byte, error) {
	request, err := http.NewRequest(http.MethodGet, s.prefix+"/"+path, nil)
	if err != nil {
		return nil, err
	}
	if s.signer != nil && strings.HasPrefix(path, "tile/entries/") {
		s.signer.sign(request)
	}
	response, err := s.client.Do(request)
	if err != nil {
		return nil, err
	}
	defer response.Body.Close()
	if response.StatusCode != http.StatusOK {
		return nil, fmt.Errorf("%s: status %d", path, response.StatusCode)
	}
	if err := checkHeaders(path, response.Header); err != nil {
		return nil, err
	}
	return io.ReadAll(response.Body)
}

// checkHeaders demands what tlog-tiles says of content types and caching.
func checkHeaders(path string, header http.Header) error {
	wanted := "application/octet-stream"
	if path == "checkpoint" {
		wanted = "text/plain; charset=utf-8"
	}
	if found := header.Get("Content-Type"); found != wanted {
		return fmt.Errorf("%s: content type %q, not %q", path, found, wanted)
	}
	return nil
}
