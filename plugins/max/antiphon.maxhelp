{
 "patcher": {
  "fileversion": 1,
  "appversion": {
   "major": 8,
   "minor": 5,
   "revision": 0,
   "architecture": "x64",
   "modernui": 1
  },
  "classnamespace": "box",
  "rect": [
   80,
   80,
   1100,
   720
  ],
  "bglocked": 0,
  "openinpresentation": 0,
  "default_fontsize": 12.0,
  "default_fontname": "Arial",
  "gridsize": [
   15.0,
   15.0
  ],
  "boxes": [
   {
    "box": {
     "id": "obj-t",
     "maxclass": "comment",
     "numinlets": 1,
     "numoutlets": 0,
     "patching_rect": [
      20,
      10,
      600,
      22.0
     ],
     "text": "antiphon asks an Antiphon server for loops. rate, vary and describe mean the candidate made or chosen last."
    }
   },
   {
    "box": {
     "id": "obj-m0",
     "maxclass": "message",
     "numinlets": 2,
     "numoutlets": 1,
     "patching_rect": [
      20,
      50,
      280,
      22.0
     ],
     "text": "generate bpm 124 key Am bars 2 rate 48000",
     "outlettype": [
      ""
     ]
    }
   },
   {
    "box": {
     "id": "obj-c0",
     "maxclass": "comment",
     "numinlets": 1,
     "numoutlets": 0,
     "patching_rect": [
      320,
      50,
      320,
      22.0
     ],
     "text": "make a loop; keys as in the protocol"
    }
   },
   {
    "box": {
     "id": "obj-m1",
     "maxclass": "message",
     "numinlets": 2,
     "numoutlets": 1,
     "patching_rect": [
      20,
      80,
      280,
      22.0
     ],
     "text": "vary amount 0.3",
     "outlettype": [
      ""
     ]
    }
   },
   {
    "box": {
     "id": "obj-c1",
     "maxclass": "comment",
     "numinlets": 1,
     "numoutlets": 0,
     "patching_rect": [
      320,
      80,
      320,
      22.0
     ],
     "text": "a variation of the candidate chosen last"
    }
   },
   {
    "box": {
     "id": "obj-m2",
     "maxclass": "message",
     "numinlets": 2,
     "numoutlets": 1,
     "patching_rect": [
      20,
      110,
      280,
      22.0
     ],
     "text": "rate 0.8",
     "outlettype": [
      ""
     ]
    }
   },
   {
    "box": {
     "id": "obj-c2",
     "maxclass": "comment",
     "numinlets": 1,
     "numoutlets": 0,
     "patching_rect": [
      320,
      110,
      320,
      22.0
     ],
     "text": "say how good it is, 0 to 1"
    }
   },
   {
    "box": {
     "id": "obj-m3",
     "maxclass": "message",
     "numinlets": 2,
     "numoutlets": 1,
     "patching_rect": [
      20,
      140,
      280,
      22.0
     ],
     "text": "next",
     "outlettype": [
      ""
     ]
    }
   },
   {
    "box": {
     "id": "obj-m4",
     "maxclass": "message",
     "numinlets": 2,
     "numoutlets": 1,
     "patching_rect": [
      20,
      170,
      280,
      22.0
     ],
     "text": "previous",
     "outlettype": [
      ""
     ]
    }
   },
   {
    "box": {
     "id": "obj-m5",
     "maxclass": "message",
     "numinlets": 2,
     "numoutlets": 1,
     "patching_rect": [
      20,
      200,
      280,
      22.0
     ],
     "text": "tempo 124.",
     "outlettype": [
      ""
     ]
    }
   },
   {
    "box": {
     "id": "obj-c5",
     "maxclass": "comment",
     "numinlets": 1,
     "numoutlets": 0,
     "patching_rect": [
      320,
      200,
      320,
      22.0
     ],
     "text": "of requests that name none"
    }
   },
   {
    "box": {
     "id": "obj-m6",
     "maxclass": "message",
     "numinlets": 2,
     "numoutlets": 1,
     "patching_rect": [
      20,
      230,
      280,
      22.0
     ],
     "text": "generate kee Am",
     "outlettype": [
      ""
     ]
    }
   },
   {
    "box": {
     "id": "obj-c6",
     "maxclass": "comment",
     "numinlets": 1,
     "numoutlets": 0,
     "patching_rect": [
      320,
      230,
      320,
      22.0
     ],
     "text": "a mistake: see the second outlet and the Max console"
    }
   },
   {
    "box": {
     "id": "obj-a",
     "maxclass": "newobj",
     "numinlets": 1,
     "numoutlets": 3,
     "patching_rect": [
      20,
      270,
      240,
      22.0
     ],
     "text": "antiphon 127.0.0.1 9010 9022",
     "outlettype": [
      "",
      "",
      ""
     ]
    }
   },
   {
    "box": {
     "id": "obj-r",
     "maxclass": "newobj",
     "numinlets": 1,
     "numoutlets": 5,
     "patching_rect": [
      20,
      310,
      200,
      22.0
     ],
     "text": "route stem done progress rated",
     "outlettype": [
      "",
      "",
      "",
      "",
      ""
     ]
    }
   },
   {
    "box": {
     "id": "obj-pe",
     "maxclass": "newobj",
     "numinlets": 1,
     "numoutlets": 0,
     "patching_rect": [
      240,
      310,
      90,
      22.0
     ],
     "text": "print error"
    }
   },
   {
    "box": {
     "id": "obj-tg",
     "maxclass": "toggle",
     "numinlets": 1,
     "numoutlets": 1,
     "patching_rect": [
      360,
      310,
      24,
      22.0
     ],
     "outlettype": [
      "int"
     ]
    }
   },
   {
    "box": {
     "id": "obj-u",
     "maxclass": "newobj",
     "numinlets": 1,
     "numoutlets": 7,
     "patching_rect": [
      20,
      350,
      180,
      22.0
     ],
     "text": "unpack s s s s s 0 0",
     "outlettype": [
      "",
      "",
      "",
      "",
      "",
      "",
      ""
     ]
    }
   },
   {
    "box": {
     "id": "obj-rs",
     "maxclass": "newobj",
     "numinlets": 1,
     "numoutlets": 7,
     "patching_rect": [
      20,
      420,
      400,
      22.0
     ],
     "text": "route drums bass chords lead percussion texture",
     "outlettype": [
      "",
      "",
      "",
      "",
      "",
      "",
      ""
     ]
    }
   },
   {
    "box": {
     "id": "obj-j",
     "maxclass": "newobj",
     "numinlets": 2,
     "numoutlets": 1,
     "patching_rect": [
      20,
      385,
      90,
      22.0
     ],
     "text": "pack s s",
     "outlettype": [
      ""
     ]
    }
   },
   {
    "box": {
     "id": "obj-pd",
     "maxclass": "newobj",
     "numinlets": 1,
     "numoutlets": 0,
     "patching_rect": [
      240,
      350,
      90,
      22.0
     ],
     "text": "print done"
    }
   },
   {
    "box": {
     "id": "obj-rp0",
     "maxclass": "newobj",
     "numinlets": 1,
     "numoutlets": 1,
     "patching_rect": [
      20,
      460,
      100,
      22.0
     ],
     "text": "prepend replace",
     "outlettype": [
      ""
     ]
    }
   },
   {
    "box": {
     "id": "obj-b0",
     "maxclass": "newobj",
     "numinlets": 1,
     "numoutlets": 2,
     "patching_rect": [
      20,
      495,
      150,
      22.0
     ],
     "text": "buffer~ antiphon-drums",
     "outlettype": [
      "",
      ""
     ]
    }
   },
   {
    "box": {
     "id": "obj-g0",
     "maxclass": "newobj",
     "numinlets": 3,
     "numoutlets": 3,
     "patching_rect": [
      20,
      560,
      150,
      22.0
     ],
     "text": "groove~ antiphon-drums 2",
     "outlettype": [
      "",
      "",
      ""
     ]
    }
   },
   {
    "box": {
     "id": "obj-rp1",
     "maxclass": "newobj",
     "numinlets": 1,
     "numoutlets": 1,
     "patching_rect": [
      190,
      460,
      100,
      22.0
     ],
     "text": "prepend replace",
     "outlettype": [
      ""
     ]
    }
   },
   {
    "box": {
     "id": "obj-b1",
     "maxclass": "newobj",
     "numinlets": 1,
     "numoutlets": 2,
     "patching_rect": [
      190,
      495,
      150,
      22.0
     ],
     "text": "buffer~ antiphon-bass",
     "outlettype": [
      "",
      ""
     ]
    }
   },
   {
    "box": {
     "id": "obj-g1",
     "maxclass": "newobj",
     "numinlets": 3,
     "numoutlets": 3,
     "patching_rect": [
      190,
      560,
      150,
      22.0
     ],
     "text": "groove~ antiphon-bass 2",
     "outlettype": [
      "",
      "",
      ""
     ]
    }
   },
   {
    "box": {
     "id": "obj-rp2",
     "maxclass": "newobj",
     "numinlets": 1,
     "numoutlets": 1,
     "patching_rect": [
      360,
      460,
      100,
      22.0
     ],
     "text": "prepend replace",
     "outlettype": [
      ""
     ]
    }
   },
   {
    "box": {
     "id": "obj-b2",
     "maxclass": "newobj",
     "numinlets": 1,
     "numoutlets": 2,
     "patching_rect": [
      360,
      495,
      150,
      22.0
     ],
     "text": "buffer~ antiphon-chords",
     "outlettype": [
      "",
      ""
     ]
    }
   },
   {
    "box": {
     "id": "obj-g2",
     "maxclass": "newobj",
     "numinlets": 3,
     "numoutlets": 3,
     "patching_rect": [
      360,
      560,
      150,
      22.0
     ],
     "text": "groove~ antiphon-chords 2",
     "outlettype": [
      "",
      "",
      ""
     ]
    }
   },
   {
    "box": {
     "id": "obj-rp3",
     "maxclass": "newobj",
     "numinlets": 1,
     "numoutlets": 1,
     "patching_rect": [
      530,
      460,
      100,
      22.0
     ],
     "text": "prepend replace",
     "outlettype": [
      ""
     ]
    }
   },
   {
    "box": {
     "id": "obj-b3",
     "maxclass": "newobj",
     "numinlets": 1,
     "numoutlets": 2,
     "patching_rect": [
      530,
      495,
      150,
      22.0
     ],
     "text": "buffer~ antiphon-lead",
     "outlettype": [
      "",
      ""
     ]
    }
   },
   {
    "box": {
     "id": "obj-g3",
     "maxclass": "newobj",
     "numinlets": 3,
     "numoutlets": 3,
     "patching_rect": [
      530,
      560,
      150,
      22.0
     ],
     "text": "groove~ antiphon-lead 2",
     "outlettype": [
      "",
      "",
      ""
     ]
    }
   },
   {
    "box": {
     "id": "obj-lp",
     "maxclass": "message",
     "numinlets": 2,
     "numoutlets": 1,
     "patching_rect": [
      20,
      528,
      60,
      22.0
     ],
     "text": "loop 1",
     "outlettype": [
      ""
     ]
    }
   },
   {
    "box": {
     "id": "obj-st",
     "maxclass": "message",
     "numinlets": 2,
     "numoutlets": 1,
     "patching_rect": [
      90,
      528,
      60,
      22.0
     ],
     "text": "0",
     "outlettype": [
      ""
     ]
    }
   },
   {
    "box": {
     "id": "obj-sg",
     "maxclass": "newobj",
     "numinlets": 1,
     "numoutlets": 1,
     "patching_rect": [
      160,
      528,
      60,
      22.0
     ],
     "outlettype": [
      "signal"
     ],
     "text": "sig~ 1."
    }
   },
   {
    "box": {
     "id": "obj-ct",
     "maxclass": "comment",
     "numinlets": 1,
     "numoutlets": 0,
     "patching_rect": [
      230,
      528,
      440,
      22.0
     ],
     "text": "each stem is read into a buffer~; loop 1 once, then 0 starts all of them together"
    }
   },
   {
    "box": {
     "id": "obj-dac",
     "maxclass": "ezdac~",
     "numinlets": 2,
     "numoutlets": 0,
     "patching_rect": [
      20,
      600,
      45,
      22.0
     ]
    }
   },
   {
    "box": {
     "id": "obj-rp4",
     "maxclass": "newobj",
     "numinlets": 1,
     "numoutlets": 1,
     "patching_rect": [
      700.0,
      460,
      100,
      22.0
     ],
     "text": "prepend replace",
     "outlettype": [
      ""
     ]
    }
   },
   {
    "box": {
     "id": "obj-b4",
     "maxclass": "newobj",
     "numinlets": 1,
     "numoutlets": 2,
     "patching_rect": [
      700.0,
      495,
      150,
      22.0
     ],
     "text": "buffer~ antiphon-percussion",
     "outlettype": [
      "",
      ""
     ]
    }
   },
   {
    "box": {
     "id": "obj-g4",
     "maxclass": "newobj",
     "numinlets": 3,
     "numoutlets": 3,
     "patching_rect": [
      700.0,
      560,
      150,
      22.0
     ],
     "text": "groove~ antiphon-percussion 2",
     "outlettype": [
      "",
      "",
      ""
     ]
    }
   },
   {
    "box": {
     "id": "obj-rp5",
     "maxclass": "newobj",
     "numinlets": 1,
     "numoutlets": 1,
     "patching_rect": [
      870.0,
      460,
      100,
      22.0
     ],
     "text": "prepend replace",
     "outlettype": [
      ""
     ]
    }
   },
   {
    "box": {
     "id": "obj-b5",
     "maxclass": "newobj",
     "numinlets": 1,
     "numoutlets": 2,
     "patching_rect": [
      870.0,
      495,
      150,
      22.0
     ],
     "text": "buffer~ antiphon-texture",
     "outlettype": [
      "",
      ""
     ]
    }
   },
   {
    "box": {
     "id": "obj-g5",
     "maxclass": "newobj",
     "numinlets": 3,
     "numoutlets": 3,
     "patching_rect": [
      870.0,
      560,
      150,
      22.0
     ],
     "text": "groove~ antiphon-texture 2",
     "outlettype": [
      "",
      "",
      ""
     ]
    }
   }
  ],
  "lines": [
   {
    "patchline": {
     "source": [
      "obj-m0",
      0
     ],
     "destination": [
      "obj-a",
      0
     ]
    }
   },
   {
    "patchline": {
     "source": [
      "obj-m1",
      0
     ],
     "destination": [
      "obj-a",
      0
     ]
    }
   },
   {
    "patchline": {
     "source": [
      "obj-m2",
      0
     ],
     "destination": [
      "obj-a",
      0
     ]
    }
   },
   {
    "patchline": {
     "source": [
      "obj-m3",
      0
     ],
     "destination": [
      "obj-a",
      0
     ]
    }
   },
   {
    "patchline": {
     "source": [
      "obj-m4",
      0
     ],
     "destination": [
      "obj-a",
      0
     ]
    }
   },
   {
    "patchline": {
     "source": [
      "obj-m5",
      0
     ],
     "destination": [
      "obj-a",
      0
     ]
    }
   },
   {
    "patchline": {
     "source": [
      "obj-m6",
      0
     ],
     "destination": [
      "obj-a",
      0
     ]
    }
   },
   {
    "patchline": {
     "source": [
      "obj-a",
      0
     ],
     "destination": [
      "obj-r",
      0
     ]
    }
   },
   {
    "patchline": {
     "source": [
      "obj-a",
      1
     ],
     "destination": [
      "obj-pe",
      0
     ]
    }
   },
   {
    "patchline": {
     "source": [
      "obj-a",
      2
     ],
     "destination": [
      "obj-tg",
      0
     ]
    }
   },
   {
    "patchline": {
     "source": [
      "obj-r",
      0
     ],
     "destination": [
      "obj-u",
      0
     ]
    }
   },
   {
    "patchline": {
     "source": [
      "obj-r",
      1
     ],
     "destination": [
      "obj-pd",
      0
     ]
    }
   },
   {
    "patchline": {
     "source": [
      "obj-u",
      3
     ],
     "destination": [
      "obj-j",
      1
     ]
    }
   },
   {
    "patchline": {
     "source": [
      "obj-u",
      2
     ],
     "destination": [
      "obj-j",
      0
     ]
    }
   },
   {
    "patchline": {
     "source": [
      "obj-j",
      0
     ],
     "destination": [
      "obj-rs",
      0
     ]
    }
   },
   {
    "patchline": {
     "source": [
      "obj-rs",
      0
     ],
     "destination": [
      "obj-rp0",
      0
     ]
    }
   },
   {
    "patchline": {
     "source": [
      "obj-rp0",
      0
     ],
     "destination": [
      "obj-b0",
      0
     ]
    }
   },
   {
    "patchline": {
     "source": [
      "obj-lp",
      0
     ],
     "destination": [
      "obj-g0",
      0
     ]
    }
   },
   {
    "patchline": {
     "source": [
      "obj-st",
      0
     ],
     "destination": [
      "obj-g0",
      0
     ]
    }
   },
   {
    "patchline": {
     "source": [
      "obj-sg",
      0
     ],
     "destination": [
      "obj-g0",
      0
     ]
    }
   },
   {
    "patchline": {
     "source": [
      "obj-g0",
      0
     ],
     "destination": [
      "obj-dac",
      0
     ]
    }
   },
   {
    "patchline": {
     "source": [
      "obj-g0",
      1
     ],
     "destination": [
      "obj-dac",
      1
     ]
    }
   },
   {
    "patchline": {
     "source": [
      "obj-rs",
      1
     ],
     "destination": [
      "obj-rp1",
      0
     ]
    }
   },
   {
    "patchline": {
     "source": [
      "obj-rp1",
      0
     ],
     "destination": [
      "obj-b1",
      0
     ]
    }
   },
   {
    "patchline": {
     "source": [
      "obj-lp",
      0
     ],
     "destination": [
      "obj-g1",
      0
     ]
    }
   },
   {
    "patchline": {
     "source": [
      "obj-st",
      0
     ],
     "destination": [
      "obj-g1",
      0
     ]
    }
   },
   {
    "patchline": {
     "source": [
      "obj-sg",
      0
     ],
     "destination": [
      "obj-g1",
      0
     ]
    }
   },
   {
    "patchline": {
     "source": [
      "obj-g1",
      0
     ],
     "destination": [
      "obj-dac",
      0
     ]
    }
   },
   {
    "patchline": {
     "source": [
      "obj-g1",
      1
     ],
     "destination": [
      "obj-dac",
      1
     ]
    }
   },
   {
    "patchline": {
     "source": [
      "obj-rs",
      2
     ],
     "destination": [
      "obj-rp2",
      0
     ]
    }
   },
   {
    "patchline": {
     "source": [
      "obj-rp2",
      0
     ],
     "destination": [
      "obj-b2",
      0
     ]
    }
   },
   {
    "patchline": {
     "source": [
      "obj-lp",
      0
     ],
     "destination": [
      "obj-g2",
      0
     ]
    }
   },
   {
    "patchline": {
     "source": [
      "obj-st",
      0
     ],
     "destination": [
      "obj-g2",
      0
     ]
    }
   },
   {
    "patchline": {
     "source": [
      "obj-sg",
      0
     ],
     "destination": [
      "obj-g2",
      0
     ]
    }
   },
   {
    "patchline": {
     "source": [
      "obj-g2",
      0
     ],
     "destination": [
      "obj-dac",
      0
     ]
    }
   },
   {
    "patchline": {
     "source": [
      "obj-g2",
      1
     ],
     "destination": [
      "obj-dac",
      1
     ]
    }
   },
   {
    "patchline": {
     "source": [
      "obj-rs",
      3
     ],
     "destination": [
      "obj-rp3",
      0
     ]
    }
   },
   {
    "patchline": {
     "source": [
      "obj-rp3",
      0
     ],
     "destination": [
      "obj-b3",
      0
     ]
    }
   },
   {
    "patchline": {
     "source": [
      "obj-lp",
      0
     ],
     "destination": [
      "obj-g3",
      0
     ]
    }
   },
   {
    "patchline": {
     "source": [
      "obj-st",
      0
     ],
     "destination": [
      "obj-g3",
      0
     ]
    }
   },
   {
    "patchline": {
     "source": [
      "obj-sg",
      0
     ],
     "destination": [
      "obj-g3",
      0
     ]
    }
   },
   {
    "patchline": {
     "source": [
      "obj-g3",
      0
     ],
     "destination": [
      "obj-dac",
      0
     ]
    }
   },
   {
    "patchline": {
     "source": [
      "obj-g3",
      1
     ],
     "destination": [
      "obj-dac",
      1
     ]
    }
   },
   {
    "patchline": {
     "source": [
      "obj-rs",
      4
     ],
     "destination": [
      "obj-rp4",
      0
     ]
    }
   },
   {
    "patchline": {
     "source": [
      "obj-rp4",
      0
     ],
     "destination": [
      "obj-b4",
      0
     ]
    }
   },
   {
    "patchline": {
     "source": [
      "obj-lp",
      0
     ],
     "destination": [
      "obj-g4",
      0
     ]
    }
   },
   {
    "patchline": {
     "source": [
      "obj-st",
      0
     ],
     "destination": [
      "obj-g4",
      0
     ]
    }
   },
   {
    "patchline": {
     "source": [
      "obj-sg",
      0
     ],
     "destination": [
      "obj-g4",
      0
     ]
    }
   },
   {
    "patchline": {
     "source": [
      "obj-g4",
      0
     ],
     "destination": [
      "obj-dac",
      0
     ]
    }
   },
   {
    "patchline": {
     "source": [
      "obj-g4",
      1
     ],
     "destination": [
      "obj-dac",
      1
     ]
    }
   },
   {
    "patchline": {
     "source": [
      "obj-rs",
      5
     ],
     "destination": [
      "obj-rp5",
      0
     ]
    }
   },
   {
    "patchline": {
     "source": [
      "obj-rp5",
      0
     ],
     "destination": [
      "obj-b5",
      0
     ]
    }
   },
   {
    "patchline": {
     "source": [
      "obj-lp",
      0
     ],
     "destination": [
      "obj-g5",
      0
     ]
    }
   },
   {
    "patchline": {
     "source": [
      "obj-st",
      0
     ],
     "destination": [
      "obj-g5",
      0
     ]
    }
   },
   {
    "patchline": {
     "source": [
      "obj-sg",
      0
     ],
     "destination": [
      "obj-g5",
      0
     ]
    }
   },
   {
    "patchline": {
     "source": [
      "obj-g5",
      0
     ],
     "destination": [
      "obj-dac",
      0
     ]
    }
   },
   {
    "patchline": {
     "source": [
      "obj-g5",
      1
     ],
     "destination": [
      "obj-dac",
      1
     ]
    }
   }
  ],
  "dependency_cache": [],
  "autosave": 0
 }
}
