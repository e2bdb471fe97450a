#!/bin/bash
# Builds kube-apiserver and kube-controller-manager 1.20.2 from Debian bookworm's source package `kubernetes` with
# bookworm's Go, and unpacks bookworm's etcd. Nothing is installed. Run by `cargo xtask apiserver --recipe debian`.
#
# usage: debian.sh WORK OUT, with APT_CONFIG naming an apt configuration that has bookworm's deb and deb-src lists
set -euo pipefail
work=$1 out=$2
mkdir -p "$work"/debs "$work"/src "$out"

echo "fetching Go, etcd and the sources of Kubernetes" >&2
cd "$work"/debs
apt-get -qq download golang-1.19-go golang-1.19-src etcd-server golang-github-modern-go-reflect2-dev
for package in *.deb; do dpkg -x "$package" "$work"/root; done
cd "$work"/src
apt-get -qq --download-only source kubernetes 2>/dev/null
# By hand rather than by dpkg-source, which is in a package of its own: only the original tree is needed.
tar -xf kubernetes_*.orig.tar.*
source_tree=$(echo "$work"/src/kubernetes-*/)
source_tree=${source_tree%/}
unset APT_CONFIG

# Built in GOPATH mode against the vendored tree.
export GOROOT=$work/root/usr/lib/go-1.19 GOPATH=$work/gopath GOCACHE=$work/gocache
export GO111MODULE=off GOFLAGS= CGO_ENABLED=0 GOPROXY=off GOGC=200 PATH=$work/root/usr/lib/go-1.19/bin:$PATH
mkdir -p "$GOPATH"/src/k8s.io
ln -sfn "$source_tree" "$GOPATH"/src/k8s.io/kubernetes
cd "$GOPATH"/src/k8s.io/kubernetes

# The vendored reflect2 1.0.1 does not work with Go >= 1.18; Debian's 1.0.2 does.
reflect2=vendor/github.com/modern-go/reflect2
rm -f $reflect2/*.go $reflect2/*.s
cp "$work"/root/usr/share/gocode/src/github.com/modern-go/reflect2/*.{go,s} $reflect2/

# With Go >= 1.18 this test takes every empty string for null, so that a CRD's default "" would be refused.
validate=vendor/k8s.io/kube-openapi/pkg/validation/validate/type.go
sed -i 's/if data == nil || reflect.DeepEqual(reflect.Zero(reflect.TypeOf(data)), reflect.ValueOf(data)) {/if data == nil {/' \
  $validate vendor/github.com/go-openapi/validate/type.go
grep -q 'if data == nil {' $validate

# The version that /version reports, in both copies.
sed -i -E 's/gitMajor +string.*/gitMajor string = "1"/; s/gitMinor +string.*/gitMinor string = "20"/; s/gitVersion +(string )?= .*/gitVersion   = "v1.20.2"/' \
  staging/src/k8s.io/{component-base/version,client-go/pkg/version}/base.go

# The one generated file that the sources lack.
echo "generating the OpenAPI definitions" >&2
go build -o "$work"/openapi-gen ./vendor/k8s.io/kube-openapi/cmd/openapi-gen
packages=$(find vendor/k8s.io/*/ pkg cmd plugin -follow -name '*.go' -not -path '*/testdata/*' 2>/dev/null |
  grep -vE '^vendor/k8s.io/(code-generator|sample-apiserver)/' | { xargs grep -l '+k8s:openapi-gen=' || true; } |
  xargs -n1 dirname | LC_ALL=C sort -u | sed 's#^#k8s.io/kubernetes/#' | paste -sd,)
"$work"/openapi-gen --logtostderr --go-header-file hack/boilerplate/boilerplate.generatego.txt -i "$packages" \
  -p k8s.io/kubernetes/pkg/generated/openapi -O zz_generated.openapi -r "$work"/openapi-violations.txt

go build -v -trimpath -tags providerless -ldflags '-s -w' -o "$out"/ ./cmd/kube-apiserver ./cmd/kube-controller-manager
cp "$work"/root/usr/bin/etcd "$out"/
