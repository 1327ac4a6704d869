# Read by nginx's ./configure after `config`; appends to the makefile it generates.

# nginx has one CFLAGS for C and C++ alike, and its generated C files must not get these: set them for our objects alone.
ngx_sse_objs=
for ngx_sse_src in $ngx_sse_srcs; do
    ngx_sse_dir=$(basename $(dirname $ngx_sse_src))
    ngx_sse_objs="$ngx_sse_objs $NGX_OBJS/addon/$ngx_sse_dir/$(basename $ngx_sse_src .cpp).o"
done

cat << END >> $NGX_MAKEFILE

$ngx_sse_objs: CFLAGS += -std=c++17 -fvisibility=hidden -fvisibility-inlines-hidden

END
