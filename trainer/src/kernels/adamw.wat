;; One AdamW step over vectors of 32-bit floats in one memory, four numbers at a time and in place:
;;
;;   m = b1 m + (1-b1) g;  v = b2 v + (1-b2) g^2;  p = p keep - rate m / (sqrt(v bias2) + eps)
;;
;; Every operation rounds to 32 bits, in the order in which adamw.ts writes them as ONNX nodes.
;; The four vectors start at multiples of 16 bytes and are padded with zeros to a multiple of 16
;; bytes; a zero in all of them stays zero. Loading and laying out is optimiser.ts.
(module
  (import "host" "memory" (memory 0 65536))
  (func (export "step")
    ;; Byte addresses of p, m, v and g; bytes of each vector, a multiple of 16.
    (param $p i32) (param $m i32) (param $v i32) (param $g i32) (param $bytes i32)
    ;; b1, 1-b1, b2, 1-b2; lr / (1-b1^t), 1 / (1-b2^t), 1 - lr wd, eps.
    (param $b1 f32) (param $c1 f32) (param $b2 f32) (param $c2 f32)
    (param $rate f32) (param $bias2 f32) (param $keep f32) (param $eps f32)
    (local $end i32) (local $grad v128) (local $m2 v128) (local $v2 v128)
    (local.set $end (i32.add (local.get $p) (local.get $bytes)))
    (block $done
      (loop $next
        (br_if $done (i32.ge_u (local.get $p) (local.get $end)))
        (local.set $grad (v128.load (local.get $g)))
        (local.set $m2
          (f32x4.add
            (f32x4.mul (v128.load (local.get $m)) (f32x4.splat (local.get $b1)))
            (f32x4.mul (local.get $grad) (f32x4.splat (local.get $c1)))))
        (local.set $v2
          (f32x4.add
            (f32x4.mul (v128.load (local.get $v)) (f32x4.splat (local.get $b2)))
            (f32x4.mul
              (f32x4.mul (local.get $grad) (local.get $grad))
              (f32x4.splat (local.get $c2)))))
        (v128.store (local.get $m) (local.get $m2))
        (v128.store (local.get $v) (local.get $v2))
        (v128.store (local.get $p)
          (f32x4.sub
            (f32x4.mul (v128.load (local.get $p)) (f32x4.splat (local.get $keep)))
            (f32x4.div
              (f32x4.mul (local.get $m2) (f32x4.splat (local.get $rate)))
              (f32x4.add
                (f32x4.sqrt (f32x4.mul (local.get $v2) (f32x4.splat (local.get $bias2))))
                (f32x4.splat (local.get $eps))))))
        (local.set $p (i32.add (local.get $p) (i32.const 16)))
        (local.set $m (i32.add (local.get $m) (i32.const 16)))
        (local.set $v (i32.add (local.get $v) (i32.const 16)))
        (local.set $g (i32.add (local.get $g) (i32.const 16)))
        (br $next)))))
