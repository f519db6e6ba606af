#!/bin/sh
# Moves pictures into one folder per class. Run it in the folder that your pictures lie in, in
# subfolders or not: sh moves.sh
# It recognizes each picture by its content (SHA-256) and reads every file in the folder for that.
# It replaces no file. It leaves a picture alone that is missing or lies in several places. You can
# run it again at any time.
set -u
LC_ALL=C
export LC_ALL

# A line has the first digits of the SHA-256 of a picture, its folder, and the name it was added with.
pictures() {
  cat <<'END'
TABLE OF PICTURES
END
}

if command -v sha256sum >/dev/null 2>&1; then
  hashes() { find . -type f -exec sha256sum -- {} +; }
elif command -v shasum >/dev/null 2>&1; then
  hashes() { find . -type f -exec shasum -a 256 -- {} +; }
else
  echo "This script needs the program sha256sum or shasum." >&2
  exit 1
fi

# The programs write 64 digits and two characters before a path. They begin a line with a backslash
# if the path has a backslash or a line break in it.
plan() {
  { pictures; echo; hashes; } | awk '
    !all_known && $0 == "" { all_known = 1; next }
    !all_known {
      n_known = NR
      key = substr($0, 1, 32); rest = substr($0, 34); cut = index(rest, "/")
      keys[NR] = key; folder[key] = substr(rest, 1, cut - 1); name[key] = substr(rest, cut + 1)
      next
    }
    /^\\/ { print "say A file with a backslash or a line break in its name stays: " $0; next }
    {
      key = substr($0, 1, 32); path = substr($0, 67)
      if (!(key in folder)) next
      if (index(path, "./" folder[key] "/") == 1) there[key] = 1
      else { n[key]++; place[key] = path; places[key] = places[key] "\nsay     " path }
    }
    END {
      for (i = 1; i <= n_known; i++) {
        key = keys[i]
        if (there[key]) {
          n_there++
          if (n[key])
            print "say A copy of " name[key] " is in " folder[key] "; these stay:" places[key]
        } else if (!n[key]) print "say Not found: " name[key]
        else if (n[key] > 1)
          print "say " name[key] " lies in several places, and stays:" places[key]
        else print "move " folder[key] "/" place[key]
      }
      print "there " n_there + 0
    }'
}

# A name that is free in the folder: "fox.jpg", or "fox (2).jpg".
free() {
  target=$1/$2
  case $2 in
    ?*.*) stem=${2%.*} ending=.${2##*.} ;;
    *) stem=$2 ending= ;;
  esac
  number=1
  while [ -e "$target" ] || [ -L "$target" ]; do
    number=$((number + 1))
    target="$1/$stem ($number)$ending"
  done
}

plan | {
  moved=0
  while IFS= read -r line; do
    rest=${line#* }
    case $line in
      "say "*) printf '%s\n' "$rest" ;;
      "there "*) printf '%s pictures moved, %s are in their folders already.\n' "$moved" "$rest" ;;
      "move "*)
        folder=./${rest%%/*} path=${rest#*/}
        free "$folder" "${path##*/}"
        mkdir -p -- "$folder" && mv -n -- "$path" "$target" && moved=$((moved + 1))
        ;;
    esac
  done
}
