# Makes a root that is read-only throughout, with a program and what it needs in it, and nothing else; then runs a command
# there. Needs namespaces of its own for mounts, and the rights in them:
#
#   sh confined.sh ROOT FILES COMMAND...
#
# ROOT is an empty folder, FILES are the files that shall be there under the names that they have here, one a line.
set -eu
root=$1 files=$2
shift 2
mount -t tmpfs -o mode=755 root "$root"
cd "$root"
# The C library for the program, and setpriv.
for folder in bin sbin lib lib64; do
  if [ -L "/$folder" ]; then
    cp -P "/$folder" "$folder"
  elif [ -d "/$folder" ]; then
    mkdir "$folder"
    mount --rbind "/$folder" "$folder"
  fi
done
mkdir usr proc old
mount --rbind /usr usr
mount --rbind /proc proc
printf '%s\n' "$files" | while read -r file; do
  mkdir -p ".${file%/*}"
  : > ".$file"
  mount --bind "$file" ".$file"
done
pivot_root . old
cd /
umount -nl /old
rmdir old
# Of each mount, its options as they are, but for the first one, which is rw or ro.
while read -r _ _ _ _ place options _; do
  mount -o "remount,bind,ro,${options#*,}" "$(printf %b "$place")"
done < /proc/self/mountinfo
exec "$@"
